#include <libpq-fe.h>
#include <sys/eventfd.h>

/* A counter that poll(2) can wait for; its flags are not imported. -1 where there is none to be had. */
static inline int souk_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

/* Keeps NOTICEs off standard error, where libpq writes them by default. */
static inline void souk_ignore_notice(void *context, const PGresult *result) { (void)context; (void)result; }
static inline void souk_ignore_notices(PGconn *connection) {
    PQsetNoticeReceiver(connection, souk_ignore_notice, NULL);
}
