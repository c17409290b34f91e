#ifndef DYNASESSION_STORE_WRITE_KIND_HPP
#define DYNASESSION_STORE_WRITE_KIND_HPP

namespace dynasession::inline v0 {

/// The writes that `basic_session_store::write` chooses from.
enum class write_kind {
    keep,       ///< `save`; a session that did not change is kept as far as possible: that its expiry is not put off is no error
    regenerate, ///< `regenerate`, with all changes
    release,    ///< `release`, without the changes; nothing under a policy that does not lock
    destroy,    ///< `destroy`
};

} // namespace dynasession::inline v0

#endif
