import Foundation
import Synchronization

/// Makes UUIDs of version 7 that only ever increase within a process (RFC 9562, sections 5.7 and 6.2).
///
/// Method 1 of section 6.2: the twelve bits after the version are a counter. It starts at a random value
/// below half its range in every new millisecond and is incremented for each further id; when it runs over,
/// or the machine's clock steps back, the timestamp runs ahead of the clock instead. The low 62 bits are
/// random.
enum UUIDv7 {
    /// The 128 bits in network order.
    struct Bits: Equatable {
        var high: UInt64
        var low: UInt64
    }

    /// What the last id was made of.
    struct Generator {
        private var milliseconds: UInt64 = 0
        private var counter: UInt64 = 0

        mutating func next(
            milliseconds now: UInt64, using random: inout some RandomNumberGenerator
        ) -> Bits {
            if now > milliseconds {
                milliseconds = now
                counter = random.next() & 0x7ff
            } else if counter < 0xfff {
                counter += 1
            } else {
                milliseconds += 1
                counter = random.next() & 0x7ff
            }
            return Bits(
                high: (milliseconds & 0xffff_ffff_ffff) << 16 | 0x7000 | counter,
                low: random.next() & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000)
        }
    }

    private static let shared = Mutex(Generator())

    static func make() -> Bits {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let now = UInt64(max(0, time.tv_sec)) * 1_000 + UInt64(time.tv_nsec / 1_000_000)
        // The system generator reads from the kernel's CSPRNG.
        var random = SystemRandomNumberGenerator()
        return shared.withLock { $0.next(milliseconds: now, using: &random) }
    }
}
