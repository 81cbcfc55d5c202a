/* The lock, byte by byte (numbers little-endian):
 *
 *      0  version, 1
 *      1  kind: 0 the user's key is 32 bytes, 1 it is a passphrase
 *      2  Argon2id: passes (4 bytes) and memory in bytes (8); 0 for kind 0
 *     14  salt
 *     30  the gallery's key, sealed: nonce, 32 bytes, tag; its place are the 30 bytes before it
 */
#include "gallery/seal/seal.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/options.h"
#include <sodium.h>
#include <stdatomic.h>
#include <string.h>

enum {
    VERSION = 1,
    KIND_KEY = 0,
    KIND_PASSPHRASE = 1,
    AT_KIND = 1,
    AT_PASSES = 2,
    AT_BYTES = 6,
    AT_SALT = 14,
    AT_SEALED = 30,
    KEY = FM_GALLERY_KEY_SIZE,
    NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    SUBKEY_SEAL = 1,
    SUBKEY_HASH = 2,
    /* A file must not be able to make opening it take minutes or all memory. */
    MOST_PASSES = 10,
    MOST_BYTES = 1 << 30
};

_Static_assert(AT_SEALED + FMI_SEAL_OVERHEAD + KEY == FMI_SEAL_LOCK, "the lock's parts");
_Static_assert(AT_SALT + crypto_pwhash_argon2id_SALTBYTES == AT_SEALED, "the salt's size");

static _Atomic uint32_t cost_passes = crypto_pwhash_argon2id_OPSLIMIT_MODERATE;
static _Atomic uint64_t cost_bytes = crypto_pwhash_argon2id_MEMLIMIT_MODERATE;

void fmi_seal_set_cost(uint32_t passes, uint64_t bytes)
{
    cost_passes = passes ? passes : crypto_pwhash_argon2id_OPSLIMIT_MODERATE;
    cost_bytes = bytes ? bytes : crypto_pwhash_argon2id_MEMLIMIT_MODERATE;
}

static void put_number(unsigned char *out, uint64_t number, int bytes)
{
    for (int i = 0; i < bytes; i++)
        out[i] = (unsigned char)(number >> 8 * i);
}

static uint64_t get_number(const unsigned char *in, int bytes)
{
    uint64_t number = 0;
    for (int i = 0; i < bytes; i++)
        number |= (uint64_t)in[i] << 8 * i;
    return number;
}

/* --- the user's key --- */

static fm_status check_passphrase(const char *passphrase, fm_error *err)
{
    size_t length = strnlen(passphrase, FM_PASSPHRASE_MAX + 1);
    if (length < 1 || length > FM_PASSPHRASE_MAX)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "the passphrase has %s bytes, expected 1 to %d",
                        length ? "too many" : "no", FM_PASSPHRASE_MAX);
    return FM_OK;
}

fm_status fmi_key_read(fm_gallery_key *own, const fm_gallery_key *key, fm_error *err)
{
    fm_status status = fmi_options_read(own, sizeof *own, key, sizeof *own, "fm_gallery_key", err);
    if (status != FM_OK)
        return status;
    if (own->reserved != 0)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "fm_gallery_key.reserved is not 0");
    if ((own->bytes != NULL) + (own->passphrase != NULL) + (own->callback != NULL) != 1)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                        "exactly one of fm_gallery_key's bytes, passphrase and callback is needed");
    if (own->size != (own->bytes ? FM_GALLERY_KEY_SIZE : 0))
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "fm_gallery_key.size is %zu, expected %d",
                        own->size, own->bytes ? FM_GALLERY_KEY_SIZE : 0);
    return own->passphrase ? check_passphrase(own->passphrase, err) : FM_OK;
}

static fm_status ask_for_key(const fm_gallery_key *key, unsigned char out[KEY], fm_error *err)
{
    fm_status status = FM_OK;
    if (key->callback)
        status = key->callback(key->user, out);
    else
        memcpy(out, key->bytes, KEY);
    if (status != FM_OK)
        return fmi_fail(err, status, "the callback gave no key for the gallery");
    if (sodium_is_zero(out, KEY))
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "the key of the gallery is all zero");
    return FM_OK;
}

/* The salt keeps two galleries under one key from sharing anything. */
static fm_status from_bytes(const fm_gallery_key *key, const unsigned char *lock,
                            unsigned char out[KEY], fm_error *err)
{
    static const unsigned char purpose[crypto_generichash_blake2b_PERSONALBYTES] = "facematch lock";
    unsigned char *given = fmi_secret_alloc(KEY);
    fm_status status;
    if (!given)
        return fmi_fail_memory(err);
    status = ask_for_key(key, given, err);
    if (status == FM_OK && crypto_generichash_blake2b_salt_personal(out, KEY, NULL, 0, given, KEY,
                                                                    lock + AT_SALT, purpose) != 0)
        status = fmi_fail(err, FM_E_INTERNAL, "the key of the gallery cannot be used");
    fmi_secret_free(given);
    return status;
}

static fm_status from_passphrase(const fm_gallery_key *key, const unsigned char *lock,
                                 unsigned char out[KEY], fm_error *err)
{
    uint64_t passes = get_number(lock + AT_PASSES, 4), bytes = get_number(lock + AT_BYTES, 8);
    if (passes < crypto_pwhash_argon2id_OPSLIMIT_MIN || passes > MOST_PASSES ||
        bytes < crypto_pwhash_argon2id_MEMLIMIT_MIN || bytes > MOST_BYTES)
        return fmi_fail(err, FM_E_CORRUPT, "what it says about its passphrase is impossible");
    if (crypto_pwhash_argon2id(out, KEY, key->passphrase, strlen(key->passphrase), lock + AT_SALT,
                               passes, (size_t)bytes, crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0)
        return fmi_fail(err, FM_E_NO_MEMORY,
                        "not enough memory for the passphrase: %llu MiB are needed",
                        (unsigned long long)(bytes >> 20));
    return FM_OK;
}

/* What seals the gallery's key. */
static fm_status key_of_lock(const fm_gallery_key *key, const unsigned char *lock,
                             unsigned char out[KEY], fm_error *err)
{
    if (lock[AT_KIND] != (key->passphrase ? KIND_PASSPHRASE : KIND_KEY))
        return fmi_fail(err, FM_E_PERMISSION, "it is sealed with a %s, and a %s was given",
                        key->passphrase ? "key" : "passphrase",
                        key->passphrase ? "passphrase" : "key");
    return key->passphrase ? from_passphrase(key, lock, out, err) : from_bytes(key, lock, out, err);
}

/* --- the gallery's key --- */

static fmi_seal *seal_of(const unsigned char *gallery_key, const unsigned char *lock)
{
    static const char context[crypto_kdf_CONTEXTBYTES + 1] = "fmgaller";
    fmi_seal *seal = fmi_secret_alloc(sizeof *seal);
    if (!seal)
        return NULL;
    crypto_kdf_derive_from_key(seal->seal_key, sizeof seal->seal_key, SUBKEY_SEAL, context,
                               gallery_key);
    crypto_kdf_derive_from_key(seal->hash_key, sizeof seal->hash_key, SUBKEY_HASH, context,
                               gallery_key);
    memcpy(seal->lock, lock, sizeof seal->lock);
    return seal;
}

/* keys[0]: the user's, ready for use; keys[1]: the gallery's */
static fm_status make_lock(const fm_gallery_key *key, unsigned char lock[FMI_SEAL_LOCK],
                           unsigned char (*keys)[KEY], fm_error *err)
{
    fm_status status;
    memset(lock, 0, FMI_SEAL_LOCK);
    lock[0] = VERSION;
    lock[AT_KIND] = key->passphrase ? KIND_PASSPHRASE : KIND_KEY;
    if (key->passphrase) {
        put_number(lock + AT_PASSES, cost_passes, 4);
        put_number(lock + AT_BYTES, cost_bytes, 8);
    }
    randombytes_buf(lock + AT_SALT, AT_SEALED - AT_SALT);
    status = key_of_lock(key, lock, keys[0], err);
    if (status != FM_OK)
        return status;
    randombytes_buf(keys[1], KEY);
    randombytes_buf(lock + AT_SEALED, NONCE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(lock + AT_SEALED + NONCE, NULL, keys[1], KEY, lock,
                                               AT_SEALED, NULL, lock + AT_SEALED, keys[0]);
    return FM_OK;
}

static fm_status open_lock(const fm_gallery_key *key, const unsigned char lock[FMI_SEAL_LOCK],
                           unsigned char (*keys)[KEY], fm_error *err)
{
    fm_status status = key_of_lock(key, lock, keys[0], err);
    if (status == FM_OK &&
        crypto_aead_xchacha20poly1305_ietf_decrypt(keys[1], NULL, NULL, lock + AT_SEALED + NONCE,
                                                   FMI_SEAL_LOCK - AT_SEALED - NONCE, lock,
                                                   AT_SEALED, lock + AT_SEALED, keys[0]) != 0)
        status = fmi_fail(err, FM_E_PERMISSION, "it is sealed with another %s",
                          key->passphrase ? "passphrase" : "key");
    return status;
}

static fm_status finish(fmi_seal **out, const unsigned char *lock, unsigned char (*keys)[KEY],
                        fm_status status, fm_error *err)
{
    fmi_seal *seal = status == FM_OK ? seal_of(keys[1], lock) : NULL;
    fmi_secret_free(keys);
    if (status != FM_OK)
        return status;
    if (!seal)
        return fmi_fail_memory(err);
    *out = seal;
    return FM_OK;
}

fm_status fmi_seal_make(fmi_seal **out, const fm_gallery_key *key, fm_error *err)
{
    unsigned char lock[FMI_SEAL_LOCK], (*keys)[KEY] = fmi_secret_alloc(2 * KEY);
    if (!keys)
        return fmi_fail_memory(err);
    return finish(out, lock, keys, make_lock(key, lock, keys, err), err);
}

fm_status fmi_seal_open(fmi_seal **out, const fm_gallery_key *key, const void *lock, size_t size,
                        fm_error *err)
{
    const unsigned char *bytes = lock;
    unsigned char(*keys)[KEY];
    if (size != FMI_SEAL_LOCK || bytes[0] != VERSION || bytes[AT_KIND] > KIND_PASSPHRASE)
        return fmi_fail(err, FM_E_CORRUPT, "its lock is damaged");
    keys = fmi_secret_alloc(2 * KEY);
    if (!keys)
        return fmi_fail_memory(err);
    return finish(out, bytes, keys, open_lock(key, bytes, keys, err), err);
}

void fmi_seal_free(fmi_seal *seal)
{
    fmi_secret_free(seal);
}

/* --- using it --- */

void fmi_seal_close_bytes(const fmi_seal *seal, const void *plain, size_t size, const void *place,
                          size_t place_size, unsigned char *out)
{
    randombytes_buf(out, NONCE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(out + NONCE, NULL, plain, size, place, place_size,
                                               NULL, out, seal->seal_key);
}

fm_status fmi_seal_open_bytes(const fmi_seal *seal, const void *sealed, size_t size,
                              const void *place, size_t place_size, void *out)
{
    const unsigned char *bytes = sealed;
    if (size < FMI_SEAL_OVERHEAD ||
        crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, bytes + NONCE, size - NONCE,
                                                   place, place_size, bytes, seal->seal_key) != 0)
        return FM_E_CORRUPT;
    return FM_OK;
}

void fmi_seal_hash_id(const fmi_seal *seal, const char *id, unsigned char out[FMI_SEAL_HASH])
{
    crypto_generichash(out, FMI_SEAL_HASH, (const unsigned char *)id, strlen(id), seal->hash_key,
                       sizeof seal->hash_key);
}
