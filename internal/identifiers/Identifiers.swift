package import SoukIDs

// The marketplace's identifiers. They stand in a module of their own because kernels and the events dictionary
// both speak of them and neither may import the other. Each tag makes a distinct type: a store's id can't be
// passed where an order's is wanted.

package enum ProductTag {}
package enum VariantTag {}
package enum CategoryTag {}
package enum VendorTag {}
package enum StoreTag {}
package enum ReservationTag {}
package enum VendorOrderTag {}
package enum ShipmentTag {}
package enum ReturnTag {}
package enum OrderTag {}
package enum OrderLineTag {}
package enum PaymentTag {}
package enum RefundTag {}
package enum NotificationTag {}
package enum MailRequestTag {}

package typealias ProductID = ID<ProductTag>
package typealias VariantID = ID<VariantTag>
package typealias CategoryID = ID<CategoryTag>
package typealias VendorID = ID<VendorTag>
package typealias StoreID = ID<StoreTag>
package typealias ReservationID = ID<ReservationTag>
package typealias VendorOrderID = ID<VendorOrderTag>
package typealias ShipmentID = ID<ShipmentTag>
package typealias ReturnID = ID<ReturnTag>
package typealias OrderID = ID<OrderTag>
package typealias OrderLineID = ID<OrderLineTag>
package typealias PaymentID = ID<PaymentTag>
package typealias RefundID = ID<RefundTag>
package typealias NotificationID = ID<NotificationTag>
package typealias MailRequestID = ID<MailRequestTag>
