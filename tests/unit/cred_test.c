/* The credential against vectors made by Debian's MUNGE (tests/golden/munge_vectors.json), every
 * mutation of one, and the rules of who may read it and when. */
#include "auth/cred.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct world {
    struct codec codec;
    struct cred_key key;
    json_t *doc;
};

static size_t unhex(const char *hex, uint8_t *out, size_t room)
{
    size_t n = strlen(hex) / 2;

    assert_true(n <= room);
    for (size_t i = 0; i < n; i++)
        sscanf(hex + 2 * i, "%2hhx", &out[i]);
    return n;
}

static int setup(void **state)
{
    static struct world w;
    uint8_t file[256];

    w.doc = json_load_file(VECTORS, 0, NULL);
    assert_non_null(w.doc);
    size_t len = unhex(json_string_value(json_object_get(w.doc, "key_hex")), file, sizeof file);
    codec_init(&w.codec);
    cred_key_init(&w.key, file, len);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    json_decref(w->doc);
    cred_key_fini(&w->key);
    codec_fini(&w->codec);
    return 0;
}

static int decode(struct world *w, const char *text, struct cred *ret, struct err *e)
{
    struct cred_key *keys[] = { &w->key };

    return cred_decode(&w->codec, (struct cred_keys){ keys, 1 }, text, strlen(text), ret, e);
}

static void same_bytes(json_t *expect, const char *field, const void *got, size_t len)
{
    uint8_t want[1024];
    size_t n = unhex(json_string_value(json_object_get(expect, field)), want, sizeof want);

    assert_int_equal(len, n);
    assert_memory_equal(got, want, n);
}

static void subkeys_are_those_of_debian(void **state)
{
    struct world *w = *state;

    same_bytes(w->doc, "dek_subkey_hex", w->key.dek_secret, SUBKEY_LEN);
    same_bytes(w->doc, "mac_subkey_hex", w->key.mac_secret, SUBKEY_LEN);
    assert_int_equal(strlen(w->key.fingerprint), 8);
}

static void fields_are_as_expected(const struct cred *c, json_t *expect)
{
    const struct {
        const char *name;
        uint32_t got;
    } numbers[] = {
        { "cipher", c->cipher }, { "mac", c->mac },           { "zip", c->zip },
        { "time0", c->time0 },   { "ttl", c->ttl_s },         { "uid", c->uid },
        { "gid", c->gid },       { "auth_uid", c->auth_uid }, { "auth_gid", c->auth_gid },
    };

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        assert_int_equal(numbers[i].got,
                         json_integer_value(json_object_get(expect, numbers[i].name)));
    same_bytes(expect, "realm", c->realm, c->realm_len);
    same_bytes(expect, "iv", c->iv, munge_ciphers[c->cipher].block);
    same_bytes(expect, "tag", c->tag, munge_macs[c->mac].len);
    same_bytes(expect, "salt", c->salt, CRED_SALT);
    same_bytes(expect, "addr", c->addr, c->addr_len);
    same_bytes(expect, "payload", c->data, c->data_len);
}

/* Decodes, compares every field, and encodes the fields again: the text must be the same to the
 * byte. */
static void a_good_vector(struct world *w, const char *text, json_t *expect)
{
    uint8_t realm[256], data[2048];
    struct buf again = { 0 };
    struct err e = { 0 };
    struct cred c;

    assert_int_equal(decode(w, text, &c, &e), 0);
    fields_are_as_expected(&c, expect);

    memcpy(realm, c.realm, c.realm_len);
    memcpy(data, c.data, c.data_len);
    c.realm = realm;
    c.data = data;
    assert_int_equal(cred_encode(&w->codec, &w->key, &c, &again, &e), 0);
    assert_string_equal(buf_str(&again), text);
    buf_fini(&again);
}

static void every_vector_agrees(void **state)
{
    struct world *w = *state;
    size_t i, good = 0, bad = 0;
    json_t *v;

    json_array_foreach(json_object_get(w->doc, "vectors"), i, v)
    {
        const char *text = json_string_value(json_object_get(v, "credential"));
        json_t *error = json_object_get(v, "error");
        struct cred c;
        if (error) {
            assert_int_equal(decode(w, text, &c, NULL), -json_integer_value(error));
            bad++;
        } else {
            a_good_vector(w, text, json_object_get(v, "expect"));
            good++;
        }
    }
    assert_int_equal(good, 47);
    assert_int_equal(bad, 19);
}

/* ---- mutations */

static const struct cred sample = {
    .cipher = CIPHER_AES128,
    .mac = MAC_SHA256,
    .realm = (const uint8_t *)"r",
    .realm_len = 2,
    .addr_len = 4,
    .addr = { 10, 0, 0, 1 },
    .time0 = 1000,
    .ttl_s = 300,
    .uid = 1,
    .gid = 2,
    .auth_uid = MUNGE_ANY,
    .auth_gid = MUNGE_ANY,
    .data = (const uint8_t
                 *)"two hundred and fifty-six bytes of "
                   "credential are what this payload is for: it has to be long enough that each of "
                   "the first 256 bytes of the "
                   "raw credential is there to be flipped, and a little more than that besides",
    .data_len = 200,
};

static char *sample_text(struct world *w, int cipher, int mac, int zip)
{
    struct cred c = sample;
    struct buf out = { 0 };

    c.cipher = (uint8_t)cipher;
    c.mac = (uint8_t)mac;
    c.zip = (uint8_t)zip;
    memset(c.iv, 7, sizeof c.iv);
    assert_int_equal(cred_encode(&w->codec, &w->key, &c, &out, NULL), 0);
    char *text = strdup(buf_str(&out));
    buf_fini(&out);
    return text;
}

/* The contract's answer when one bit of raw byte `at` is flipped in the default sample: OUTER by
 * its checks in order, everything behind it by the MAC. */
static int answer_for_flip(size_t at, uint8_t value)
{
    switch (at) {
    case 0:
        return MUNGE_BAD_VERSION;
    case 1:
        if (value >= CIPHERS || value == CIPHER_DEFAULT)
            return MUNGE_BAD_CIPHER;
        return MUNGE_INVALID;
    case 2:
        if (value >= MACS || value <= MAC_DEFAULT)
            return MUNGE_BAD_MAC;
        return MUNGE_INVALID;
    case 3:
        return value >= ZIPS || value == ZIP_DEFAULT ? MUNGE_BAD_ZIP : MUNGE_INVALID;
    default:
        return MUNGE_INVALID;
    }
}

static int decode_raw(struct world *w, const uint8_t *raw, size_t len)
{
    char text[2048];
    struct cred c;

    assert_true(len < 1024);
    int n = snprintf(text, sizeof text, "MUNGE:");
    static const char abc[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < len; i += 3) {
        uint32_t v = (uint32_t)raw[i] << 16 | (i + 1 < len ? raw[i + 1] << 8 : 0) |
                     (i + 2 < len ? raw[i + 2] : 0);
        text[n++] = abc[v >> 18];
        text[n++] = abc[v >> 12 & 63];
        text[n++] = i + 1 < len ? abc[v >> 6 & 63] : '=';
        text[n++] = i + 2 < len ? abc[v & 63] : '=';
    }
    memcpy(text + n, ":", 2);
    return -decode(w, text, &c, NULL);
}

static size_t sample_raw(struct world *w, uint8_t *raw, size_t room)
{
    char *text = sample_text(w, CIPHER_AES128, MAC_SHA256, ZIP_NONE);
    struct cred c;

    assert_int_equal(decode(w, text, &c, NULL), 0);
    size_t len = w->codec.raw.len;
    assert_true(len >= 256 && len <= room);
    memcpy(raw, w->codec.raw.data, len);
    free(text);
    return len;
}

static void every_bit_flip_is_refused(void **state)
{
    struct world *w = *state;
    uint8_t raw[1024];
    size_t len = sample_raw(w, raw, sizeof raw);

    assert_int_equal(decode_raw(w, raw, len), MUNGE_OK);
    for (size_t bit = 0; bit < 256 * 8; bit++) {
        raw[bit / 8] ^= (uint8_t)(1u << bit % 8);
        int got = decode_raw(w, raw, len);
        assert_int_not_equal(got, MUNGE_OK);
        if (bit / 8 != 4) /* realm_len moves everything behind it: truncated or invalid */
            assert_int_equal(got, answer_for_flip(bit / 8, raw[bit / 8]));
        else
            assert_true(got == MUNGE_BAD_CRED || got == MUNGE_INVALID);
        raw[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void every_truncation_is_refused(void **state)
{
    struct world *w = *state;
    uint8_t raw[1024];
    size_t len = sample_raw(w, raw, sizeof raw);
    const size_t outer_and_tag = 5 + 2 + 16 + 32;

    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(decode_raw(w, raw, cut),
                         cut < outer_and_tag ? MUNGE_BAD_CRED : MUNGE_INVALID);
}

/* Cut anywhere, the text has no suffix; even a flipped bit in the text must not pass, unless it
 * hits bits that base64 does not carry. */
static void every_text_truncation_is_refused(void **state)
{
    struct world *w = *state;
    char *text = sample_text(w, CIPHER_AES256, MAC_SHA512, ZIP_NONE);
    struct cred c;

    for (size_t cut = strlen(text); cut-- > 0;) {
        text[cut] = '\0';
        assert_int_equal(decode(w, text, &c, NULL), cut == 0 ? -MUNGE_BAD_ARG : -MUNGE_BAD_CRED);
    }
    free(text);
}

/* 5 usable ciphers x 5 MACs, without the three where the digest is shorter than the key. */
static void every_combination_goes_round(void **state)
{
    struct world *w = *state;
    unsigned worked = 0;
    struct cred c;

    for (int i = 0; i < CIPHERS * MACS * ZIPS; i++) {
        int cipher = i / (MACS * ZIPS), mac = i / ZIPS % MACS, zip = i % ZIPS;
        if (cred_check_types(cipher, mac, zip, NULL) < 0)
            continue;
        char *text = sample_text(w, cipher, mac, zip);
        assert_int_equal(decode(w, text, &c, NULL), 0);
        assert_int_equal(c.data_len, sample.data_len);
        assert_memory_equal(c.data, sample.data, c.data_len);
        free(text);
        worked++;
    }
    assert_int_equal(worked, 22 * 3);
}

static void base64_is_read_as_munge_reads_it(void **state)
{
    struct world *w = *state;
    char *text = sample_text(w, CIPHER_AES128, MAC_SHA256, ZIP_NONE);
    char spaced[2048];
    struct cred c;

    snprintf(spaced, sizeof spaced, " \t\r\n%.20s \n\v\f%s trailing", text, text + 20);
    assert_int_equal(decode(w, spaced, &c, NULL), 0);
    snprintf(spaced, sizeof spaced, "%s%s", text, text);
    assert_int_equal(decode(w, spaced, &c, NULL), -MUNGE_BAD_CRED);
    assert_int_equal(decode(w, "MUNGE:A===:", &c, NULL), -MUNGE_BAD_CRED);
    assert_int_equal(decode(w, "MUNGE:AA=A:", &c, NULL), -MUNGE_BAD_CRED);
    assert_int_equal(decode(w, "MUNGE:====:", &c, NULL), -MUNGE_BAD_CRED);
    assert_int_equal(decode(w, "munge:AAAA:", &c, NULL), -MUNGE_BAD_CRED);
    assert_int_equal(decode(w, "  \n", &c, NULL), -MUNGE_BAD_ARG);
    assert_int_equal(decode(w, "MUNGE:", &c, NULL), -MUNGE_BAD_CRED);
    free(text);
}

static void an_older_key_still_decodes(void **state)
{
    struct world *w = *state;
    struct cred_key other, *keys[] = { &other, &w->key };
    char *text = sample_text(w, CIPHER_AES128, MAC_SHA256, ZIP_ZLIB);
    struct cred c;

    cred_key_init(&other, "another key, thirty-two or more bytes", 37);
    assert_int_equal(
        cred_decode(&w->codec, (struct cred_keys){ keys, 2 }, text, strlen(text), &c, NULL), 0);
    assert_int_equal(c.key_at, 1);
    assert_int_equal(
        cred_decode(&w->codec, (struct cred_keys){ keys, 1 }, text, strlen(text), &c, NULL),
        -MUNGE_INVALID);
    cred_key_fini(&other);
    free(text);
}

static void a_payload_at_the_limit_goes_round(void **state)
{
    struct world *w = *state;
    struct cred c = sample, back;
    struct buf out = { 0 };
    uint8_t *data = calloc(1, MUNGE_PAYLOAD_MAX + 1);

    c.data = data;
    c.data_len = MUNGE_PAYLOAD_MAX;
    for (int zip = 0; zip < ZIPS; zip++) {
        c.zip = (uint8_t)(zip == ZIP_DEFAULT ? ZIP_NONE : zip);
        buf_reset(&out);
        assert_int_equal(cred_encode(&w->codec, &w->key, &c, &out, NULL), 0);
        assert_int_equal(decode(w, buf_str(&out), &back, NULL), 0);
        assert_int_equal(back.data_len, MUNGE_PAYLOAD_MAX);
        assert_true(out.len + 5 <= MUNGE_BODY_MAX);
    }
    c.data_len++;
    assert_int_equal(cred_encode(&w->codec, &w->key, &c, &out, NULL), -MUNGE_TOO_LONG);
    buf_fini(&out);
    free(data);
}

/* ---- who and when */

static int judge(uint32_t auth_uid, uint32_t auth_gid, uint32_t now, bool is_member)
{
    struct cred c = { .auth_uid = auth_uid, .auth_gid = auth_gid, .time0 = 10000, .ttl_s = 300 };
    const struct cred_asker who = {
        .uid = 0, .gid = 0, .now = now, .max_ttl_s = 3600, .is_member = is_member
    };

    return -cred_judge(&c, &who, NULL);
}

static void both_edges_of_the_lifetime_are_inside(void **state)
{
    assert_int_equal(judge(MUNGE_ANY, MUNGE_ANY, 10300, false), MUNGE_OK);
    assert_int_equal(judge(MUNGE_ANY, MUNGE_ANY, 10301, false), MUNGE_EXPIRED);
    assert_int_equal(judge(MUNGE_ANY, MUNGE_ANY, 9700, false), MUNGE_OK);
    assert_int_equal(judge(MUNGE_ANY, MUNGE_ANY, 9699, false), MUNGE_REWOUND);
}

static void root_is_no_exception_and_groups_count_by_list(void **state)
{
    assert_int_equal(judge(1000, MUNGE_ANY, 10000, true), MUNGE_UNAUTHORIZED);
    assert_int_equal(judge(0, MUNGE_ANY, 10000, false), MUNGE_OK);
    assert_int_equal(judge(MUNGE_ANY, 5, 10000, false), MUNGE_UNAUTHORIZED);
    assert_int_equal(judge(MUNGE_ANY, 5, 10000, true), MUNGE_OK);
    assert_int_equal(judge(MUNGE_ANY, 0, 10000, false), MUNGE_OK);
    assert_int_equal(judge(1000, 0, 10000, false), MUNGE_UNAUTHORIZED);
    assert_int_equal(judge(1000, MUNGE_ANY, 99999, false),
                     MUNGE_UNAUTHORIZED); /* before the time */
}

static void lifetime_is_clamped_and_time_is_unsigned(void **state)
{
    struct cred c = {
        .auth_uid = MUNGE_ANY, .auth_gid = MUNGE_ANY, .time0 = 4294967000u, .ttl_s = 99999
    };
    const struct cred_asker who = { .now = 4294967290u, .max_ttl_s = 3600 };
    struct err e = { 0 };

    assert_int_equal(cred_judge(&c, &who, NULL), 0);
    assert_int_equal(c.ttl_s, 3600);
    c.time0 = 100;
    assert_int_equal(cred_judge(&c, &who, &e), -MUNGE_EXPIRED);
    assert_true(strncmp(e.text, "Expired credential", 18) == 0);
    assert_non_null(strstr(e.text, "clock -4294967190 s"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subkeys_are_those_of_debian),
        cmocka_unit_test(every_vector_agrees),
        cmocka_unit_test(every_bit_flip_is_refused),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_text_truncation_is_refused),
        cmocka_unit_test(every_combination_goes_round),
        cmocka_unit_test(base64_is_read_as_munge_reads_it),
        cmocka_unit_test(an_older_key_still_decodes),
        cmocka_unit_test(a_payload_at_the_limit_goes_round),
        cmocka_unit_test(both_edges_of_the_lifetime_are_inside),
        cmocka_unit_test(root_is_no_exception_and_groups_count_by_list),
        cmocka_unit_test(lifetime_is_clamped_and_time_is_unsigned),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
