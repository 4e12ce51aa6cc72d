import Testing

@testable import SoukSupervisor

@Suite struct InheritanceTests {
    @Test(arguments: [nil, "/data/crashes/a b=c.txt"])
    func isReadAsItWasWritten(file: String?) {
        let inheritance = Inheritance(
            sockets: ["http": 7, "ops": 8, "grpc": 3], parent: 4_711, restarts: 12, awaySince: .max,
            crashFile: file)
        #expect(Inheritance(variables: inheritance.variables) == inheritance)
    }

    @Test func keepsTheHandlersOfTheRuntimeOut() {
        let inheritance = Inheritance(sockets: [:], parent: 1, restarts: 0, awaySince: 0, crashFile: nil)
        #expect(inheritance.variables["SWIFT_BACKTRACE"] == "enable=no")
    }

    @Test(arguments: [
        "", "parent=1", "parent=1 restarts=0", "parent=0 restarts=0 since=1", "parent=1 restarts=-1 since=1",
        "parent=1 restarts=0 since=x", "parent=1 restarts=0 since=1 http=2",
        "parent=1 restarts=0 since=1 http=-5",
        "parent=1 restarts=0 since=1 http", "parent=1 parent=1 restarts=0 since=1",
        "parent=9999999999 restarts=0 since=1",
        "parent=1 restarts=0 since=1 http=99999999999",
    ])
    func otherTextIsNone(text: String) {
        #expect(Inheritance(variables: [Inheritance.variable: text]) == nil)
    }

    @Test func aProcessWithoutASupervisorHasNone() {
        #expect(Inheritance(variables: [:]) == nil)
        #expect(Inheritance(variables: [Inheritance.crashFileVariable: "/tmp/x"]) == nil)
    }
}
