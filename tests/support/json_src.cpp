#include <dynasession/src.hpp>
