import SoukBroker

extension BrokerContract {
    static let groupCases: [Case] = [
        Case("gives every group everything") { fixture in
            try await fixture.withBroker { broker in
                let topic = unique("fanout")
                let count = max(10, fixture.scale / 10)
                var subscriptions: [any BrokerSubscription] = []
                for index in 0..<3 {
                    subscriptions.append(try await broker.subscribe(to: [topic], group: unique("g\(index)")))
                }
                try await publish(messages(0..<count), to: topic, on: broker)
                for subscription in subscriptions {
                    try expectEqual(
                        try await receive(0..<count, from: subscription), Array(0..<count),
                        "messages of a group")
                }
            }
        },

        Case("reads several topics through one subscription, and no others") { fixture in
            try await fixture.withBroker { broker in
                let topics = [unique("one"), unique("two"), unique("three")]
                let subscription = try await broker.subscribe(to: Array(topics.prefix(2)), group: unique("g"))
                for (index, topic) in topics.reversed().enumerated() {
                    try await broker.publish(messages(index..<index + 1), to: topic)
                }
                var seen: [String: Int] = [:]
                for _ in 0..<2 {
                    let delivery = try await next(subscription)
                    seen[delivery.topic] = try number(of: delivery)
                    try await delivery.ack()
                }
                try expectEqual(seen, [topics[0]: 2, topics[1]: 1], "messages by topic")
            }
        },

        Case(
            "starts a new group at the earliest message", needs: .replayFromEarliest,
            messages: { max(10, $0.scale / 2) * 2 }
        ) { fixture in
            try await fixture.withBroker { broker in
                let topic = unique("replay")
                let count = max(10, fixture.scale / 2)
                try await publish(messages(0..<count), to: topic, on: broker)
                for group in ["first", "second"] {
                    let subscription = try await broker.subscribe(to: [topic], group: unique(group))
                    try expectEqual(
                        try await receive(0..<count, from: subscription), Array(0..<count),
                        "replay to \(group)")
                    await subscription.close()
                }
            }
        },

        Case("gives what a member holds to the others when it leaves") { fixture in
            try await fixture.withBroker { broker in
                let topic = unique("leave")
                let group = unique("g")
                let leaving = try await broker.subscribe(to: [topic], group: group)
                try await broker.publish(unkeyed(0..<10), to: topic)
                var held: [Delivery] = []
                for _ in 0..<4 { held.append(try await next(leaving)) }
                let staying = try await broker.subscribe(to: [topic], group: group)
                await leaving.close()
                try expect(try await leaving.next() == nil, "a closed subscription delivered")
                try expectEqual(
                    Set(try await receive(0..<10, from: staying)), Set(0..<10),
                    "messages of the one who stayed")
                for delivery in held {
                    do {
                        try await delivery.ack()
                        throw Violation(description: "a delivery of a closed subscription was settled")
                    } catch let error as BrokerError {
                        try expectEqual(error.reason, .staleDelivery, "reason")
                    }
                }
            }
        },

        Case("says how much a group has before it", needs: .lag) { fixture in
            try await fixture.withBroker { broker in
                let topic = unique("lag")
                let group = unique("g")
                try expectEqual(try await broker.lag(group: group), [:], "lag of an unknown group")
                let subscription: any BrokerSubscription
                if fixture.capabilities.contains(.replayFromEarliest) {
                    try await broker.publish(unkeyed(0..<10), to: topic)
                    subscription = try await broker.subscribe(to: [topic], group: group)
                } else {
                    subscription = try await broker.subscribe(to: [topic], group: group)
                    try await broker.publish(unkeyed(0..<10), to: topic)
                }
                try expectEqual(try await broker.lag(group: group), [topic: 10], "lag before reading")
                var held: [Delivery] = []
                for _ in 0..<4 { held.append(try await next(subscription)) }
                for delivery in held.prefix(3) { try await delivery.ack() }
                try expectEqual(try await broker.lag(group: group), [topic: 7], "lag after three of ten")
                await subscription.close()
                _ = try await broker.lag(group: group)
            }
        },
    ]
}
