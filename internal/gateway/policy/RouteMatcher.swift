/// Finds the route of a path: a tree of segments over bytes, immutable, without allocation and safe from any thread.
///
/// Of several patterns that match, the one with the most segments wins; among those, the one that is literal where the other
/// is not, from the left; at last the one that is not open. Looks at no node twice, so a path costs at most the tree's size.
final class RouteMatcher: Sendable {
    private struct Node {
        /// Its literal children, in ``edges``.
        var firstEdge: Int32 = 0
        var endEdge: Int32 = 0
        /// The child for any segment; -1 for none, as below.
        var any: Int32 = -1
        /// The route that ends here.
        var closed: Int32 = -1
        /// The route that goes on with anything.
        var open: Int32 = -1
    }

    private struct Edge {
        /// The label's first eight bytes, or all of it and zeros.
        let head: UInt64
        let length: Int32
        /// Where the label begins in ``labels``.
        let label: Int32
        let node: Int32
    }

    private struct Best {
        var route: Int32 = -1
        var segments: Int32 = -1
    }

    private let nodes: [Node]
    private let edges: [Edge]
    private let labels: [UInt8]

    /// - Throws: ``RoutePatternError`` where a pattern is none, or stands for the same paths as one before it.
    convenience init(_ routes: [RoutePolicy]) throws(RoutePatternError) {
        try self.init(patterns: routes.map(\.pattern))
    }

    init(patterns: [String]) throws(RoutePatternError) {
        var builder = Builder()
        for (index, text) in patterns.enumerated() {
            do {
                try builder.add(try RoutePattern(text), route: Int32(index))
            } catch {
                throw RoutePatternError("\(text) \(error)")
            }
        }
        var nodes: [Node] = []
        var edges: [Edge] = []
        var labels: [UInt8] = []
        for drawn in builder.nodes {
            var node = Node(any: drawn.any, closed: drawn.closed, open: drawn.open)
            node.firstEdge = Int32(edges.count)
            for (label, child) in drawn.literals {
                edges.append(
                    Edge(
                        head: label.withUnsafeBytes { Self.head($0, 0, $0.count) },
                        length: Int32(label.count), label: Int32(labels.count), node: child))
                labels += label
            }
            node.endEdge = Int32(edges.count)
            nodes.append(node)
        }
        self.nodes = nodes
        self.edges = edges
        self.labels = labels
    }

    /// The index of the route for a path as it stands in the request, without its query; nil where there is none.
    func route(_ path: UnsafeRawBufferPointer) -> Int? {
        var best = Best()
        _ = search(0, path, from: 0, segments: 0, &best)
        return best.route < 0 ? nil : Int(best.route)
    }

    /// True when nothing better can come.
    private func search(
        _ index: Int32, _ path: UnsafeRawBufferPointer, from position: Int, segments: Int32,
        _ best: inout Best
    ) -> Bool {
        let node = nodes[Int(index)]
        let slash = UInt8(ascii: "/")
        var start = position
        while start < path.count, path[start] == slash { start += 1 }
        guard start < path.count else {
            guard segments > best.segments, node.closed >= 0 || node.open >= 0 else { return false }
            best = Best(route: node.closed >= 0 ? node.closed : node.open, segments: segments)
            return true
        }
        if node.open >= 0, segments > best.segments { best = Best(route: node.open, segments: segments) }
        guard node.any >= 0 || node.firstEdge < node.endEdge else { return false }
        var end = start + 1
        while end < path.count, path[end] != slash { end += 1 }
        if let child = literal(of: node, path, start, end),
            search(child, path, from: end, segments: segments + 1, &best)
        {
            return true
        }
        return node.any >= 0 && search(node.any, path, from: end, segments: segments + 1, &best)
    }

    private func literal(
        of node: Node, _ path: UnsafeRawBufferPointer, _ start: Int, _ end: Int
    ) -> Int32? {
        let length = end - start
        let head = Self.head(path, start, length)
        for index in Int(node.firstEdge)..<Int(node.endEdge) {
            let edge = edges[index]
            guard edge.head == head, Int(edge.length) == length else { continue }
            var rest = 8
            while rest < length, labels[Int(edge.label) + rest] == path[start + rest] { rest += 1 }
            if rest >= length { return edge.node }
        }
        return nil
    }

    private static func head(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ length: Int) -> UInt64 {
        if length >= 8 { return bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self).littleEndian }
        var head: UInt64 = 0
        for offset in 0..<length { head |= UInt64(bytes[start + offset]) << UInt64(offset * 8) }
        return head
    }
}

extension RouteMatcher {
    /// The tree while it grows.
    private struct Builder {
        struct Drawn {
            var literals: [(label: [UInt8], node: Int32)] = []
            var any: Int32 = -1
            var closed: Int32 = -1
            var open: Int32 = -1
        }

        private(set) var nodes = [Drawn()]

        mutating func add(_ pattern: RoutePattern, route: Int32) throws(RoutePatternError) {
            var index = 0
            for segment in pattern.segments {
                index = child(of: index, segment)
            }
            guard (pattern.isOpen ? nodes[index].open : nodes[index].closed) < 0 else {
                throw RoutePatternError("stands for the same paths as another route")
            }
            if pattern.isOpen { nodes[index].open = route } else { nodes[index].closed = route }
        }

        private mutating func child(of index: Int, _ segment: RoutePattern.Segment) -> Int {
            let next = Int32(nodes.count)
            switch segment {
            case .any:
                if nodes[index].any >= 0 { return Int(nodes[index].any) }
                nodes[index].any = next
            case .literal(let label):
                if let known = nodes[index].literals.first(where: { $0.label == label }) {
                    return Int(known.node)
                }
                nodes[index].literals.append((label, next))
            }
            nodes.append(Drawn())
            return Int(next)
        }
    }
}
