import SoukErrors
import Testing

@testable import SoukOrder

@Suite struct StateMachineTests {
    static let transitions: [OrderTransition] =
        [
            .place, .failCheckout, .capture, .failPayment, .lapsePayment, .requestCancel, .finishCancel,
            .finishExpiry,
        ] + FulfilmentProgress.allCases.flatMap { [.refuseCancel($0), .fulfil($0)] }

    static let legal: [OrderStatus: [OrderTransition: OrderStatus]] = [
        .creating: [.place: .awaitingPayment, .failCheckout: .failed],
        .awaitingPayment: [
            .capture: .paid, .failPayment: .cancelled, .lapsePayment: .expired, .requestCancel: .cancelling,
        ],
        .paid: [
            .requestCancel: .cancelling, .fulfil(.nothingShipped): .paid,
            .fulfil(.partiallyShipped): .partiallyShipped,
            .fulfil(.shipped): .shipped, .fulfil(.delivered): .delivered,
        ],
        .partiallyShipped: [
            .fulfil(.partiallyShipped): .partiallyShipped, .fulfil(.shipped): .shipped,
            .fulfil(.delivered): .delivered,
        ],
        .shipped: [.fulfil(.shipped): .shipped, .fulfil(.delivered): .delivered],
        .delivered: [.fulfil(.delivered): .delivered],
        .cancelling: [
            .capture: .paid, .finishCancel: .cancelled, .finishExpiry: .expired,
            .refuseCancel(.nothingShipped): .paid,
            .refuseCancel(.partiallyShipped): .partiallyShipped, .refuseCancel(.shipped): .shipped,
            .refuseCancel(.delivered): .delivered,
        ],
    ]

    @Test(arguments: OrderStatus.allCases, transitions)
    func everyArrowAndNoOther(status: OrderStatus, transition: OrderTransition) throws {
        if let expected = Self.legal[status]?[transition] {
            #expect(try status.applying(transition) == expected)
        } else {
            #expect(throws: OrderError.illegalTransition(from: status, transition)) {
                try status.applying(transition)
            }
        }
    }

    @Test(
        arguments: [
            ([], .nothingShipped), ([.pending, .accepted], .nothingShipped),
            ([.accepted, .shipped], .partiallyShipped), ([.partiallyShipped], .partiallyShipped),
            ([.shipped, .delivered], .shipped), ([.delivered, .delivered], .delivered),
            ([.delivered, .cancelled], .delivered), ([.cancelled], .nothingShipped),
        ] as [([PartStatus], FulfilmentProgress)])
    func progressOfParts(parts: [PartStatus], progress: FulfilmentProgress) {
        #expect(FulfilmentProgress(of: parts) == progress)
    }

    @Test func orderNumbersAreReadableAndDifferent() {
        var generator = SystemRandomNumberGenerator()
        let numbers = (0..<1_000).map { _ in OrderNumber.random(using: &generator) }
        #expect(Set(numbers).count == 1_000)
        #expect(
            numbers.allSatisfy { $0.wholeMatch(of: /S-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}/) != nil })
    }

    @Test func keyedLockIsExclusivePerKeyAndCancellable() async throws {
        let lock = KeyedLock<Int>()
        let (entered, enter) = AsyncStream<Void>.makeStream()
        let (open, release) = AsyncStream<Void>.makeStream()
        let holder = Task {
            try await lock.withLock(1) {
                enter.finish()
                for await _ in open {}
            }
        }
        for await _ in entered {}
        // Another key is free.
        #expect(try await lock.withLock(2) { true })
        let waiter = Task { try await lock.withLock(1) { true } }
        waiter.cancel()
        await #expect(throws: CancellationError.self) { try await waiter.value }
        release.finish()
        try await holder.value
        #expect(try await lock.withLock(1) { true })
    }
}
