import ArgumentParser
import Foundation

struct Ledger: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "The books.", subcommands: [VerifyLedger.self])
}

struct VerifyLedger: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract:
            "Recomputes the books from their entries; exit status 1, with the differences, when they don't balance."
    )

    @OptionGroup var options: GlobalOptions

    private struct Verdict: Decodable {
        struct Difference: Decodable {
            let check: String
            let subject: String
            let currency: String
            let expected: Int64
            let actual: Int64
        }

        let balanced: Bool
        let transactions: Int
        let entries: Int
        let differences: [Difference]
    }

    func run() async throws {
        let answer = try await options.session().send(.get, "/api/v1/admin/ledger/verify")
        let verdict: Verdict = try answer.data()
        try options.show(answer) {
            let size = "\(verdict.transactions) transactions, \(verdict.entries) entries"
            guard !verdict.balanced else { return "balanced: \(size)" }
            var table = Table(["CHECK", "SUBJECT", "CURRENCY", "EXPECTED", "ACTUAL"], numeric: [3, 4])
            for difference in verdict.differences {
                table.add([
                    difference.check, difference.subject, difference.currency, "\(difference.expected)",
                    "\(difference.actual)",
                ])
            }
            return "\(table.text)\n\(size)"
        }
        guard verdict.balanced else {
            throw Failure("the books don't balance: \(verdict.differences.count) differences")
        }
    }
}

struct Reconcile: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compares orders with payments now, and mends what disagrees.")

    @OptionGroup var options: GlobalOptions

    private struct Report: Decodable {
        struct Finding: Decodable {
            let kind: String
            let orderId: String
        }

        let ordersChecked: Int
        let paymentsChecked: Int
        let findings: [Finding]
    }

    func run() async throws {
        let answer = try await options.session().send(.post, "/api/v1/admin/reconcile")
        try options.show(answer) {
            let report: Report = try answer.data()
            let checked = "\(report.ordersChecked) orders and \(report.paymentsChecked) payments checked"
            guard !report.findings.isEmpty else { return "\(checked): nothing to mend" }
            var table = Table(["FINDING", "ORDER"])
            for finding in report.findings { table.add([finding.kind, finding.orderId]) }
            return "\(table.text)\n\(checked)"
        }
    }
}
