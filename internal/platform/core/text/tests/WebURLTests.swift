import SoukText
import Testing

@Suite struct WebURLTests {
    @Test(arguments: [
        "https://a.test", "http://a.test/", "HTTPS://A.Test/x", "https://a.test:8443/x.png?w=1&h=/?#f",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]/", "https://[2606:4700::1111]:443",
        "https://xn--bcher-kva.test/%C3%A9;a=1,2@b:c", "https://a-b.1c.test",
        "https://example.com?x", "https://example.com#x", "https://3com.com/~a/!$&'()*+,;=",
    ])
    func takesWhatTheGrammarAllows(text: String) {
        #expect(WebURL(text)?.isPublic == true)
    }

    @Test(arguments: [
        "", "a.test", "//a.test", "ftp://a.test/", "javascript:alert(1)", "https:a.test", "https:/a.test",
        "https://", "https:///x",
        "https://user@a.test/", "https://user:password@a.test/", "https://@a.test/", "https://a.test:/",
        "https://a.test:0/",
        "https://a.test:65536/", "https://a.test:x/", "https://a.test:080808/", "https://a.test\\@evil.test/",
        "https://a.test/a b",
        "https://a.test/\n", "https://a.test/\u{0}", "https://a.test/é", "https://a.test/\u{600}",
        "https://a.test/%", "https://a.test/%4",
        "https://a.test/%zz", "https://a.test/\"", "https://a.test/<b>", "https://a.test/{x}",
        "https://a.test/a|b", "https://a.test/#a#b",
        "https://a.test/[x]", "https://a_b.test/", "https://-a.test/", "https://a-.test/", "https://a..test/",
        "https://.test/",
        "https://a.test./", "https://a%2etest/", "https://ａ.test/", "https://[::1", "https://[::1]x/",
        "https://[fe80::1%25eth0]/",
        "https://[v1.x]/", "https://[1::2::3]/", "https://2130706433/", "https://0x7f000001/",
        "https://0177.0.0.1/", "https://127.1/",
        "https://1.2.3.0x4/", "https://1.2.3/", "https://256.1.1.1/", "https://01.2.3.4/", " https://a.test",
        "https://a.test ",
        "ht\u{74}ps\u{301}://a.test",
    ])
    func refusesWhatItDoesNot(text: String) {
        #expect(WebURL(text) == nil)
    }

    @Test(arguments: [
        "localhost", "LOCALHOST", "db", "printer.local", "a.localhost", "souk.internal", "x.lan",
        "x.home.arpa", "127.0.0.1", "127.8.8.8",
        "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.169.254", "100.64.0.1",
        "100.127.255.255",
        "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "198.19.255.255", "192.0.0.1",
        "192.88.99.1", "224.0.0.1",
        "239.255.255.255", "240.0.0.1", "255.255.255.255", "[::]", "[::1]", "[::ffff:8.8.8.8]",
        "[::ffff:7f00:1]", "[::8.8.8.8]",
        "[64:ff9b::808:808]", "[fe80::1]", "[fc00::1]", "[fd12:3456::1]", "[ff02::1]", "[2001:db8::1]",
        "[2001::1]", "[2002:7f00:1::]",
        "[3fff::1]", "[100::1]", "[fec0::1]",
    ])
    func hostsOfLocalNetworksAreNotPublic(host: String) throws {
        let url = try #require(WebURL("https://\(host)/x"))
        #expect(!url.isPublic)
    }

    @Test(arguments: [
        "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "192.0.1.1", "198.17.0.1",
        "223.255.255.255", "[2001:4860::8888]",
        "[2a00::1]", "localhost.test", "local.test", "internal.example.com",
    ])
    func theirNeighboursAre(host: String) throws {
        #expect(try #require(WebURL("https://\(host)/x")).isPublic)
    }

    @Test func partsAreAsWritten() throws {
        let url = try #require(WebURL("https://Shop.Example:8443/a?b#c"))
        #expect(url.host == "Shop.Example")
        #expect(url.port == 8443)
        #expect(url.origin == "https://Shop.Example:8443")
        #expect(try #require(WebURL("http://[2606:4700::1]")).origin == "http://[2606:4700::1]")
    }
}
