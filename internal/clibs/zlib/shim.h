#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

// Swift takes the fields of z_stream for those of whichever module that includes zlib.h it sees first, and packages bring
// others. So the struct stays here.

/// A stream that compresses to the gzip format (RFC 1952); NULL without memory. souk_gzip_free ends it.
static inline void *_Nullable souk_gzip_new(int level) {
    z_stream *stream = calloc(1, sizeof *stream);
    if (stream && deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(stream);
        stream = NULL;
    }
    return stream;
}

/// Hands over bytes, which have to stay where they are until they are compressed.
static inline void souk_gzip_take(void *_Nonnull stream, const uint8_t *_Nullable bytes, uint32_t count) {
    ((z_stream *)stream)->next_in = (uint8_t *)bytes;
    ((z_stream *)stream)->avail_in = count;
}

/// Compresses what was taken into `room`; gives the bytes written. There is more where it is full.
static inline uint32_t souk_gzip_give(void *_Nonnull stream, uint8_t *_Nullable room, uint32_t count, int flush) {
    ((z_stream *)stream)->next_out = room;
    ((z_stream *)stream)->avail_out = count;
    deflate((z_stream *)stream, flush);
    return count - ((z_stream *)stream)->avail_out;
}

static inline void souk_gzip_free(void *_Nonnull stream) {
    deflateEnd((z_stream *)stream);
    free(stream);
}

/// Decompresses raw deflate data (RFC 1951) as a whole; gives the bytes written, and -1 for anything else or where there is no room.
static inline int64_t souk_inflate(
    const uint8_t *_Nullable bytes, uint32_t count, uint8_t *_Nullable room, uint32_t capacity) {
    z_stream stream = {.next_in = (uint8_t *)bytes, .avail_in = count, .next_out = room, .avail_out = capacity};
    if (inflateInit2(&stream, -15) != Z_OK) return -1;
    int status = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    return status == Z_STREAM_END ? (int64_t)(capacity - stream.avail_out) : -1;
}
