/* Produces with acks=all and consumes as a group that commits: what our driver for Kafka does, in a plain loop on
 * librdkafka: the same settings for the producer, librdkafka's own bounds of what is fetched ahead for the consumer.
 *
 * Usage: kafka_loop BROKERS TOPIC MESSAGES SIZE
 */
#include <librdkafka/rdkafka.h>

#include "measure.h"

enum { BATCH = 256, COMMIT_MILLISECONDS = 200 };

static long confirmed, refused;

static void reported(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client, (void)opaque;
    if (message->err) refused++;
    confirmed++;
}

static void set(rd_kafka_conf_t *configuration, const char *name, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(configuration, name, value, why, sizeof why) != RD_KAFKA_CONF_OK) die(name, why);
}

static rd_kafka_t *make(rd_kafka_type_t type, rd_kafka_conf_t *configuration)
{
    char why[256];
    rd_kafka_t *client = rd_kafka_new(type, configuration, why, sizeof why);
    if (!client) die("librdkafka", why);
    return client;
}

static void produce(const char *brokers, const char *topic, long messages, size_t size)
{
    rd_kafka_conf_t *configuration = rd_kafka_conf_new();
    set(configuration, "bootstrap.servers", brokers);
    set(configuration, "enable.idempotence", "true");
    set(configuration, "acks", "all");
    set(configuration, "partitioner", "murmur2_random");
    set(configuration, "linger.ms", "1");
    set(configuration, "batch.size", "65536");
    rd_kafka_conf_set_dr_msg_cb(configuration, reported);
    rd_kafka_t *client = make(RD_KAFKA_PRODUCER, configuration);
    char *body = malloc(size);
    memset(body, 'x', size);
    meter_t start = meter_start();
    for (long number = 0; number < messages; number++) {
        char id[24], key[24];
        snprintf(id, sizeof id, "%ld", number);
        snprintf(key, sizeof key, "key-%ld", number % 1000);
        /* A header for the id, as our messages carry one. */
        rd_kafka_headers_t *headers = rd_kafka_headers_new(1);
        rd_kafka_header_add(headers, "souk-id", -1, id, -1);
        rd_kafka_resp_err_t code;
        while ((code = rd_kafka_producev(
                    client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_KEY(key, strlen(key)), RD_KAFKA_V_VALUE(body, size),
                    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END))
               == RD_KAFKA_RESP_ERR__QUEUE_FULL)
            rd_kafka_poll(client, 10);
        if (code) die("producing", rd_kafka_err2str(code));
        if (number % BATCH == 0) rd_kafka_poll(client, 0);
    }
    while (confirmed < messages) rd_kafka_poll(client, 100);
    meter_report(start, "publish", messages);
    if (refused) die("producing", "messages were refused");
    rd_kafka_destroy(client);
    free(body);
}

static void consume(const char *brokers, const char *topic, long messages)
{
    rd_kafka_conf_t *configuration = rd_kafka_conf_new();
    set(configuration, "bootstrap.servers", brokers);
    set(configuration, "group.id", topic);
    set(configuration, "enable.auto.commit", "false");
    set(configuration, "auto.offset.reset", "earliest");
    set(configuration, "partition.assignment.strategy", "cooperative-sticky");
    set(configuration, "fetch.wait.max.ms", "250");
    rd_kafka_t *client = make(RD_KAFKA_CONSUMER, configuration);
    rd_kafka_poll_set_consumer(client);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(client, topics);
    if (code) die("subscribing", rd_kafka_err2str(code));
    rd_kafka_topic_partition_list_destroy(topics);
    meter_t start = meter_start();
    double committed = seconds_of(CLOCK_MONOTONIC);
    long received = 0;
    while (received < messages) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, 100);
        if (!message) continue;
        if (!message->err && ++received == 1) start = meter_start();
        rd_kafka_message_destroy(message);
        if (received % BATCH == 0 && seconds_of(CLOCK_MONOTONIC) - committed > COMMIT_MILLISECONDS / 1e3) {
            rd_kafka_commit(client, NULL, 1);
            committed = seconds_of(CLOCK_MONOTONIC);
        }
    }
    meter_report(start, "consume", messages);
    rd_kafka_commit(client, NULL, 0);
    rd_kafka_consumer_close(client);
    rd_kafka_destroy(client);
}

int main(int count, char **words)
{
    if (count != 5) die(words[0], "BROKERS TOPIC MESSAGES SIZE");
    produce(words[1], words[2], atol(words[3]), atol(words[4]));
    consume(words[1], words[2], atol(words[3]));
    return 0;
}
