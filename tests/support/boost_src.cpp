// The parts of Asio and Beast that need not be templates, compiled once for all our programs.

#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
