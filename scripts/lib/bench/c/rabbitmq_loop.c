/* Publishes persistent messages with confirms into quorum queues and consumes them with acknowledgements: what our
 * driver for RabbitMQ does, in a plain loop on rabbitmq-c.
 *
 * Usage: rabbitmq_loop HOST PORT USER PASSWORD_FILE VHOST MESSAGES SIZE
 */
#include <amqp.h>
#include <amqp_tcp_socket.h>

#include "measure.h"

enum { QUEUES = 4, WINDOW = 2048, PREFETCH = 1000, ACK_EVERY = 64, FRAME = 131072 };

static const char *exchange = "bench.c";
static amqp_connection_state_t connection;

static void check(amqp_rpc_reply_t reply, const char *what)
{
    if (reply.reply_type == AMQP_RESPONSE_NORMAL) return;
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION) die(what, amqp_error_string2(reply.library_error));
    die(what, "the server refused");
}

static void check_status(int status, const char *what)
{
    if (status != AMQP_STATUS_OK) die(what, amqp_error_string2(status));
}

static amqp_table_entry_t text_entry(const char *name, const char *value)
{
    amqp_table_entry_t entry = {.key = amqp_cstring_bytes(name)};
    entry.value.kind = AMQP_FIELD_KIND_UTF8;
    entry.value.value.bytes = amqp_cstring_bytes(value);
    return entry;
}

/* The queues of one group for one topic, with the arguments that our driver gives them. */
static void declare(char names[QUEUES][64])
{
    amqp_table_entry_t arguments[] = {
        text_entry("x-queue-type", "quorum"),
        {.key = amqp_cstring_bytes("x-single-active-consumer"),
         .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value = {.boolean = 1}}},
        {.key = amqp_cstring_bytes("x-delivery-limit"), .value = {.kind = AMQP_FIELD_KIND_I64, .value = {.i64 = 1000}}},
        text_entry("x-overflow", "reject-publish"),
        text_entry("x-dead-letter-exchange", ""),
        text_entry("x-dead-letter-routing-key", "bench.c:dead"),
        text_entry("x-dead-letter-strategy", "at-least-once"),
    };
    amqp_table_t table = {.num_entries = sizeof arguments / sizeof *arguments, .entries = arguments};
    amqp_exchange_declare(connection, 1, amqp_cstring_bytes(exchange), amqp_cstring_bytes("topic"), 0, 1, 0, 0,
                          amqp_empty_table);
    check(amqp_get_rpc_reply(connection), "declaring the exchange");
    for (int queue = 0; queue < QUEUES; queue++) {
        char key[16];
        snprintf(names[queue], 64, "%s:bench:bench:%d", exchange, queue);
        snprintf(key, sizeof key, "bench.%d", queue);
        amqp_queue_declare(connection, 1, amqp_cstring_bytes(names[queue]), 0, 1, 0, 0, table);
        check(amqp_get_rpc_reply(connection), "declaring a queue");
        amqp_queue_bind(connection, 1, amqp_cstring_bytes(names[queue]), amqp_cstring_bytes(exchange),
                        amqp_cstring_bytes(key), amqp_empty_table);
        check(amqp_get_rpc_reply(connection), "binding a queue");
    }
}

/* Waits for one frame of confirms; gives how many messages it covers. */
static long confirmed(unsigned long *lowest, unsigned char *done)
{
    amqp_frame_t frame;
    check_status(amqp_simple_wait_frame(connection, &frame), "waiting for confirms");
    if (frame.frame_type != AMQP_FRAME_METHOD || frame.payload.method.id != AMQP_BASIC_ACK_METHOD)
        die("waiting for confirms", "another answer came");
    amqp_basic_ack_t *ack = frame.payload.method.decoded;
    long count = 0;
    for (unsigned long tag = ack->multiple ? *lowest : ack->delivery_tag; tag <= ack->delivery_tag; tag++)
        if (!done[tag]) done[tag] = 1, count++;
    while (done[*lowest]) ++*lowest;
    amqp_maybe_release_buffers(connection);
    return count;
}

static void publish(long messages, size_t size)
{
    char *body = malloc(size);
    memset(body, 'x', size);
    unsigned char *done = calloc(messages + 2, 1);
    unsigned long lowest = 1;
    long unconfirmed = 0;
    meter_t start = meter_start();
    for (long number = 0; number < messages; number++) {
        while (unconfirmed >= WINDOW) unconfirmed -= confirmed(&lowest, done);
        char id[24], key[24], routing[16];
        snprintf(id, sizeof id, "%ld", number);
        snprintf(key, sizeof key, "key-%ld", number % 1000);
        snprintf(routing, sizeof routing, "bench.%ld", number % 1000 % QUEUES);
        amqp_table_entry_t headers[] = {
            text_entry("souk-key", key),
            {.key = amqp_cstring_bytes("souk-position"),
             .value = {.kind = AMQP_FIELD_KIND_I64, .value = {.i64 = number}}},
        };
        amqp_basic_properties_t properties = {
            ._flags = AMQP_BASIC_DELIVERY_MODE_FLAG | AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG,
            .delivery_mode = AMQP_DELIVERY_PERSISTENT,
            .message_id = amqp_cstring_bytes(id),
            .headers = {.num_entries = 2, .entries = headers},
        };
        amqp_bytes_t payload = {.len = size, .bytes = body};
        check_status(amqp_basic_publish(connection, 1, amqp_cstring_bytes(exchange), amqp_cstring_bytes(routing), 0, 0,
                                        &properties, payload), "publishing");
        unconfirmed++;
    }
    while (unconfirmed > 0) unconfirmed -= confirmed(&lowest, done);
    meter_report(start, "publish", messages);
    free(done);
    free(body);
}

static void consume(long messages, char names[QUEUES][64])
{
    unsigned long unacknowledged[QUEUES + 2] = {0}, last[QUEUES + 2] = {0};
    for (int queue = 0; queue < QUEUES; queue++) {
        amqp_channel_t channel = queue + 2;
        amqp_channel_open(connection, channel);
        check(amqp_get_rpc_reply(connection), "opening a channel");
        amqp_basic_qos(connection, channel, 0, PREFETCH, 0);
        check(amqp_get_rpc_reply(connection), "limiting");
        amqp_basic_consume(connection, channel, amqp_cstring_bytes(names[queue]), amqp_empty_bytes, 0, 0, 0,
                           amqp_empty_table);
        check(amqp_get_rpc_reply(connection), "consuming");
    }
    meter_t start = meter_start();
    for (long number = 0; number < messages; number++) {
        amqp_envelope_t envelope;
        check(amqp_consume_message(connection, &envelope, NULL, 0), "receiving");
        if (number == 0) start = meter_start();
        amqp_channel_t channel = envelope.channel;
        last[channel] = envelope.delivery_tag;
        if (++unacknowledged[channel] == ACK_EVERY) {
            check_status(amqp_basic_ack(connection, channel, last[channel], 1), "acknowledging");
            unacknowledged[channel] = 0;
        }
        amqp_destroy_envelope(&envelope);
        amqp_maybe_release_buffers_on_channel(connection, channel);
    }
    for (int channel = 2; channel < QUEUES + 2; channel++)
        if (unacknowledged[channel] > 0)
            check_status(amqp_basic_ack(connection, channel, last[channel], 1), "acknowledging");
    meter_report(start, "consume", messages);
}

int main(int count, char **words)
{
    if (count != 8) die(words[0], "HOST PORT USER PASSWORD_FILE VHOST MESSAGES SIZE");
    char password[256] = "";
    FILE *file = fopen(words[4], "r");
    if (!file || !fgets(password, sizeof password, file)) die(words[4], "can't be read");
    fclose(file);
    password[strcspn(password, "\r\n")] = 0;
    connection = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(connection);
    check_status(amqp_socket_open(socket, words[1], atoi(words[2])), "connecting");
    check(amqp_login(connection, words[5], 0, FRAME, 0, AMQP_SASL_METHOD_PLAIN, words[3], password), "logging in");
    amqp_channel_open(connection, 1);
    check(amqp_get_rpc_reply(connection), "opening a channel");
    char names[QUEUES][64];
    declare(names);
    amqp_confirm_select(connection, 1);
    check(amqp_get_rpc_reply(connection), "asking for confirms");
    publish(atol(words[6]), atol(words[7]));
    consume(atol(words[6]), names);
    amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
    amqp_destroy_connection(connection);
    return 0;
}
