import Testing

@testable import SoukSupervisor

@Suite struct RestartPolicyTests {
    private let long = RestartPolicy.healthyAfter

    @Test(arguments: [0, 1, 2, 78] as [Int32])
    func aProcessThatExitsEndsTheSupervisorWithItsStatus(status: Int32) {
        var policy = RestartPolicy()
        #expect(policy.decide(.exited(status), after: .zero, isStopping: false) == .finish(status: status))
        #expect(policy.decide(.exited(status), after: long, isStopping: true) == .finish(status: status))
    }

    @Test(arguments: [1, 4, 5, 6, 7, 8, 9, 11, 14, 31] as [Int32])
    func aSignalThatNobodyAskedForIsFollowedByAStartAtOnce(signal: Int32) {
        var policy = RestartPolicy()
        for _ in 0..<100 {
            #expect(
                policy.decide(.signalled(signal), after: long, isStopping: false) == .restart(after: .zero))
        }
    }

    @Test(arguments: [2, 3, 15] as [Int32])
    func aSignalThatAsksToEndIsNoCrash(signal: Int32) {
        var policy = RestartPolicy()
        #expect(
            policy.decide(.signalled(signal), after: long, isStopping: false) == .finish(status: 128 + signal)
        )
    }

    @Test func nothingIsStartedAgainDuringAStop() {
        var policy = RestartPolicy()
        #expect(policy.decide(.signalled(11), after: long, isStopping: true) == .finish(status: 139))
    }

    @Test func aCrashLoopSlowsDownAndIsForgottenAfterAHealthyRun() {
        var policy = RestartPolicy()
        func delays(_ count: Int) -> [Int] {
            (0..<count).map { _ in
                guard
                    case .restart(let delay) = policy.decide(.signalled(11), after: .zero, isStopping: false)
                else { return -1 }
                return Int(delay / .milliseconds(1))
            }
        }
        #expect(delays(9) == [0, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000])
        #expect(policy.decide(.signalled(11), after: long, isStopping: false) == .restart(after: .zero))
        #expect(delays(3) == [0, 100, 200])
        #expect(delays(500).allSatisfy { (0...5_000).contains($0) })
    }
}
