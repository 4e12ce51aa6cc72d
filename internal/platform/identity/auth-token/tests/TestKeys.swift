/// Keys made for these tests with `openssl genpkey`; they are used nowhere else.
enum TestKeys {
    static let rsaPrivate = """
        -----BEGIN PRIVATE KEY-----
        MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDq9RBEtsYcDhHj
        LqubFqHmA69CBTrx4QZB6/WLeneYefbRVxzzuWc37E9k6qXy0WMVSLFsyN1mtYlZ
        Xz2+Bux+1Y7wr/g6ctkgKDjjPLCIoOAWKJDH+uhyOIFqhb27lgs8UqU65cEgnyvO
        6qMY0qOUHLLkUEFZbkoSo/u1jypfZm94ioz6ZI3z0iWJJnndOn9hWQWsYxQmQ6NV
        I7wY6nQToelu17JDdal14cz0ukQnaHQv8Wj8IUMAt0MHtOzrZGzaNQ5jU6SEWWSF
        B0ELmi8NHBGDVkW+6vWNITQe//aWN9icnmc23HW3gsu9reFfio6zn1BpYMgVUin+
        asdLuic7AgMBAAECggEAH6gRHxD5NEJ5CoD5QhYUjick7+JAhOJqs2sVVEuV3Ydh
        R+dS0UvDqnc+YzxyS3sGvJFkxmFx4yrGbLI2YWoRZy1i6u7qpQVgV8LTl1pP9rim
        OJYSm78knm8akL2gSKv4q5H/DSZzlO+dOW3Ht8p5m7UaLUTa6S/A7y4E9ftqHBwx
        BbPDm/q1AK3Wug3iFJM58wOB5l9F3H4QRVxBSoZQp31RfnpHAGScchoubUPhmm82
        VnOBOSoKVaskVygAPc71p9STyIVknNRgoYh2JMCr0K+SJHH24YVeNCWrZvZDhY2+
        VjkRaVeumxShP0dCE77DAgcO078RlLAWQZhQ4u1pQQKBgQD21p2Pz5C8HI0RdbNF
        HUOWcGce6Vj6HLOKnXd2pJ4Fa/1WeqZ2EIK64Z5tRwMxCrq7yfpcwBvHFNbEoVPM
        5CPui+UIuhVb4CTe7SICPPZxhBIKakm+wmtNohOLI8HhSjsDHDKrLiyMI6iLSi/X
        RA0FG3I2U/Jzef3w755KQ/D08QKBgQDzrY7I338xPhv8IbJJ9XIrRKG9p5Q2koYL
        DMdF5UNaQAanmiZKj0VccDyh2sKHxFhYYuV87616ichuGQTGGbbL7HyQrNy4t+Qd
        DO8N1VeXOfdy49D/Qqb6J1xMtdhdbzSPV4BUWKxvUyoWIBizrpJj0umGjHm3A03g
        D7W+oeYu6wKBgQDixGgcJmShbNlsoOUBKdFd9AXIsDe+D4AiaGfH55QFByDGwgcL
        kD+J0JzrZ8HW3DSRMQ2BCDx8uPhVzKBgK3eXP446ZjoZHeLBqrkDtV3zC5JHXz5A
        sfxCZhPuT/teLgPo547lFJZ4aIn+7TjmWu5bMsvKfXTQAdL59ilFsQU9AQKBgDYx
        QBL+WXwrEvA00kDOfFCRF+Nk1Hp6haMJeXva6+qzWIeHqcJlMIjJUUKxsxecnAU0
        IVNyvkMFR3TszXn9GAEsG9vVBdVy2CF50eRisPMp6hU8Ayvxt87kWAubWX4WEDtc
        u2aGvfqYJUD8bGHxjg7zRgotTZhc/MG63LGDsfx3AoGAb5a8k4MHOay1YPnEtJtw
        hux7SltcGUADv7f90TcJvWlG8nM6eYc6UmIkb6cSYLfy+mSV/fy62GyniykLLzCO
        x1VkMHp3AznigPiOiN+0xBrdYRgkIHRLvL2Ls1JUEH885Bw39O1217reXWaPs8B3
        Z64WcllF3TJ7WvEjT8kRSFw=
        -----END PRIVATE KEY-----
        """

    static let rsaPublic = """
        -----BEGIN PUBLIC KEY-----
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA6vUQRLbGHA4R4y6rmxah
        5gOvQgU68eEGQev1i3p3mHn20Vcc87lnN+xPZOql8tFjFUixbMjdZrWJWV89vgbs
        ftWO8K/4OnLZICg44zywiKDgFiiQx/rocjiBaoW9u5YLPFKlOuXBIJ8rzuqjGNKj
        lByy5FBBWW5KEqP7tY8qX2ZveIqM+mSN89IliSZ53Tp/YVkFrGMUJkOjVSO8GOp0
        E6HpbteyQ3WpdeHM9LpEJ2h0L/Fo/CFDALdDB7Ts62Rs2jUOY1OkhFlkhQdBC5ov
        DRwRg1ZFvur1jSE0Hv/2ljfYnJ5nNtx1t4LLva3hX4qOs59QaWDIFVIp/mrHS7on
        OwIDAQAB
        -----END PUBLIC KEY-----
        """

    /// Too short to be taken.
    static let rsa1024 = """
        -----BEGIN PRIVATE KEY-----
        MIICdQIBADANBgkqhkiG9w0BAQEFAASCAl8wggJbAgEAAoGBAKR5D+zFenBMfR4e
        wHG7p5I00HjLPrAQThi9eRS81HdHDmKDgZWj8HVaULChjKuVgZ/+CFx/zf992GuG
        rpBKW9m27faKsIEvZfQwcaJazaLtE1X6eAjRo9nj+RuiJ+6ehqfhKw156Pd5a6x9
        i7EMhN4QzhiAtoltZrVdMP9SSpHVAgMBAAECgYBBBthD/YO+GI+zM+dUUCQdiyIN
        UBYV2Cx4XZkcmNfL3N0UF/hI6IsuaqnSW9zZDgA0+GPn5mPUqrXBNXuY8r1DQVfe
        K/YCBJjUgYVxBZhKC9Sp8RxDgQWUqae96jE44WHJcf4H2EZjIH852fABa/1wfZxl
        wbbdK3Z182P2wF8F1QJBANPmHVBzhn3Y8MQDUnn38eClydJIYvaOwCDvfIgyuSFD
        Hwkq7avS7b3MzTje7E448c2KT8Gf/+Q0JWZ8Rs2emZcCQQDGtBxVfso8dvriQAdj
        dvTBO/teQdc5I5FqeDFJQH5eL0hFOpDeUQwQ0m6qIjzkzNoQN0/frQo/vlmbBUfa
        hWVzAkA8vlOa83MTcnQajKVBB53T+1KusEeGTIexKVX2qSu+6EHmW+MEBZRXe3U9
        H1J4XgSbGlIgvGAbqAMsrOWTHisDAkABef8n53xLPLsaiU1EwPKKqQ5yId0ekJQZ
        DXGYUMFfo8xOr2O6MzH6wgWOgBihvp/0NOUEDX4hASIbU8u35PvfAkBntd/qTBtv
        70fojs+8T4ymGLxKnEhck0NTtK8wqwtXHSrqbbB3mOvU68T8fikwUFN/x40I76/e
        EUUKPh0n6ozp
        -----END PRIVATE KEY-----
        """

    static let ed25519Private = """
        -----BEGIN PRIVATE KEY-----
        MC4CAQAwBQYDK2VwBCIEIIZizBuOClOy8XLcRk0O/Uf0AzCH+465nZSDswyH27uD
        -----END PRIVATE KEY-----
        """

    static let ed25519Public = """
        -----BEGIN PUBLIC KEY-----
        MCowBQYDK2VwAyEAHWtvCWH8NnAssuTNfKrt8ZFa0isRms9FN/qJIEyCztQ=
        -----END PUBLIC KEY-----
        """
}
