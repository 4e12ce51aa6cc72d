#pragma once
#include <execinfo.h>
#include <sys/prctl.h>

// prctl takes variable arguments, which Swift cannot pass. The kernel sends the signal to the calling process when the thread
// that started it ends. Returns 0, or -1 with errno.
static inline int souk_set_parent_death_signal(int signal) { return prctl(PR_SET_PDEATHSIG, signal); }
