import CMalloc
import Foundation

/// How the process keeps memory.
package enum ProcessMemory {
    /// Tells glibc's allocator to give memory back: one arena per processor instead of eight, and blocks from 1 MiB up
    /// mapped and unmapped on their own. By default the threshold grows with each large block that is freed, so that the
    /// 19 MiB of every password hash would stay in the arenas of the threads that hashed. Call it before any thread is
    /// started. `MALLOC_…` variables of the environment are overridden.
    package static func giveBackToSystem() {
        mallopt(M_ARENA_MAX, Int32(max(2, ProcessInfo.processInfo.activeProcessorCount)))
        mallopt(M_MMAP_THRESHOLD, 1 << 20)
        mallopt(M_TRIM_THRESHOLD, 1 << 20)
    }
}
