import SoukErrors

/// Runs `body`, and cancels it when the deadline of `context` passes first.
///
/// `body` runs in a child task and is always waited for, so what it holds is released when this returns. A
/// body that completes in spite of its cancellation keeps its result. Without a deadline `body` is simply
/// called.
///
/// Throws: `ServiceError` of kind `.timedOut`, code `deadline.exceeded`, when the deadline had passed before
/// or the body failed after it; otherwise what `body` throws.
package func withDeadline<T>(
    _ context: CallContext, isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> T
) async throws -> T {
    guard let deadline = context.deadline else { return try await body() }
    try context.checkDeadline()
    let outcome = await withoutActuallyEscaping(body) { body in
        // The caller is suspended until the child that runs `body` has ended: only one of them touches what
        // `body` captures at any time, so sending it to the child is safe although the compiler can't see it.
        let transfer = UncheckedTransfer(body)
        return await race(transfer, until: deadline, isolation: isolation)
    }
    return try outcome.value.get()
}

private func race<T>(
    _ body: UncheckedTransfer<() async throws -> T>, until deadline: ContinuousClock.Instant,
    isolation: isolated (any Actor)?
) async -> UncheckedTransfer<Result<T, any Error>> {
    await withTaskGroup(of: RaceEvent<T>.self, isolation: isolation) { group in
        group.addTask {
            do {
                return .finished(UncheckedTransfer(.success(try await body.value())))
            } catch {
                return .finished(UncheckedTransfer(.failure(error)))
            }
        }
        group.addTask {
            do {
                try await Task.sleep(until: deadline, clock: .continuous)
                return .deadlinePassed
            } catch {
                return .timerCancelled
            }
        }
        var late = false
        while let event = await group.next() {
            switch event {
            case .timerCancelled:
                continue
            case .deadlinePassed:
                late = true
                group.cancelAll()
            case .finished(let outcome):
                group.cancelAll()
                if late, case .failure(let error) = outcome.value {
                    return UncheckedTransfer(.failure(ServiceError.deadlineExceeded(detail: "\(error)")))
                }
                return outcome
            }
        }
        preconditionFailure("the child that runs the body always reports")
    }
}

private enum RaceEvent<T>: Sendable {
    case finished(UncheckedTransfer<Result<T, any Error>>)
    case deadlinePassed
    case timerCancelled
}

/// Carries a value into or out of a child task whose parent is suspended meanwhile.
///
/// `@unchecked` because sole access at any time follows from that suspension, not from the type.
private struct UncheckedTransfer<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}
