#ifndef DYNASESSION_HPP
#define DYNASESSION_HPP

// Everything that a program uses; the root of the single header.
#include <dynasession/aws/credential_chain.hpp>
#include <dynasession/aws/sigv4.hpp>
#include <dynasession/core/config.hpp>
#include <dynasession/dynamodb/client.hpp>
#include <dynasession/dynamodb/error_label.hpp>
#include <dynasession/dynamodb/item_size.hpp>
#include <dynasession/dynamodb/metrics.hpp>
#include <dynasession/dynamodb/observer.hpp>
#include <dynasession/serializer/encrypted.hpp>
#include <dynasession/session_store.hpp>
#include <dynasession/web/beast.hpp>
#include <dynasession/web/beast_websocket.hpp>
#include <dynasession/web/session_manager.hpp>

#ifdef DYNASESSION_WITH_ZLIB
#include <dynasession/serializer/compressed.hpp>
#endif

#ifdef DYNASESSION_WITH_CROW
#include <dynasession/web/crow.hpp>
#include <dynasession/web/crow_store.hpp>
#endif

#endif
