#pragma once
#include <librdkafka/rdkafka.h>
#include <sys/eventfd.h>

// rd_kafka_producev takes variable arguments, which Swift cannot pass. Copies key and value; takes over the
// headers unless it fails. A null key has the partition chosen at random; a null value would be a tombstone, so
// an empty one points somewhere.
static inline rd_kafka_resp_err_t souk_rd_kafka_produce(
    rd_kafka_t *client, const char *topic, const void *key, size_t key_size, const void *value,
    size_t value_size, rd_kafka_headers_t *headers, void *opaque) {
    return rd_kafka_producev(
        client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY((void *)key, key_size), RD_KAFKA_V_VALUE((void *)(value ? value : ""), value_size),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_END);
}
