/* zlib and bzip2 behind one pair of functions.  Parameters are MUNGE's, so that equal input gives
 * equal bytes. */
#include "auth/zip.h"

#include "auth/bytes.h"
#include "auth/munge.h"

#include <bzlib.h>
#include <zlib.h>

#define ZIP_MAGIC 0xCACACACAu

/* Bytes written, or 0 when they would not fit: compression that does not shrink is of no use. */
static size_t compress_into(int zip, const uint8_t *clear, size_t len, uint8_t *out, size_t room)
{
    unsigned bz_room = (unsigned)room;
    uLongf z_room = room;

    if (zip == ZIP_ZLIB)
        return compress(out, &z_room, clear, len) == Z_OK ? z_room : 0;
    int r = BZ2_bzBuffToBuffCompress((char *)out, &bz_room, (char *)(uintptr_t)clear, (unsigned)len,
                                     9, 0, 0);
    return r == BZ_OK ? bz_room : 0;
}

bool zip_pack(int zip, const uint8_t *clear, size_t len, struct buf *out)
{
    if (len <= ZIP_META + 1)
        return false;
    buf_reserve(out, len);
    uint8_t *at = out->data + out->len;
    size_t packed = compress_into(zip, clear, len, at + ZIP_META, len - ZIP_META - 1);
    if (packed == 0)
        return false;
    bytes_put_u32(bytes_put_u32(at, ZIP_MAGIC), (uint32_t)len);
    out->len += ZIP_META + packed;
    return true;
}

static bool expand_into(int zip, const uint8_t *in, size_t len, struct buf *out, size_t declared)
{
    unsigned bz_room = (unsigned)declared;
    uLongf z_room = declared;

    if (zip == ZIP_ZLIB) {
        bool ok = uncompress(out->data, &z_room, in, len) == Z_OK;
        out->len = z_room;
        return ok;
    }
    int r = BZ2_bzBuffToBuffDecompress((char *)out->data, &bz_room, (char *)(uintptr_t)in,
                                       (unsigned)len, 0, 0);
    out->len = bz_room;
    return r == BZ_OK;
}

int zip_unpack(int zip, const uint8_t *in, size_t len, size_t max, struct buf *out, struct err *e)
{
    struct bytes r = { in, in + len, false };

    uint32_t magic = bytes_u32(&r);
    uint32_t declared = bytes_u32(&r);
    if (r.bad || magic != ZIP_MAGIC)
        return err_set(e, MUNGE_INTERNAL, "Invalid compression header");
    if (declared > max)
        return err_set(e, MUNGE_INVALID, "Invalid credential: %u bytes declared by compressed data",
                       declared);
    buf_reset(out);
    buf_reserve(out, (size_t)declared + 1);
    if (!expand_into(zip, r.at, bytes_left(&r), out, declared)) {
        buf_reset(out);
        return err_set(e, MUNGE_INVALID, "Invalid credential");
    }
    return 0;
}
