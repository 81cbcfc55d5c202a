/* The cryptography of sealed galleries; what it is used on is sqlite_seal.c's.
 *
 * A gallery has a random key of its own. From it come the key that seals (XChaCha20-Poly1305) and
 * the one that hashes ids (BLAKE2b). It lies in the gallery's file as a "lock": sealed under a key
 * that is made of the user's, by Argon2id if that is a passphrase. */
#ifndef FMI_SEAL_H
#define FMI_SEAL_H

#include <facematch/gallery.h>

enum {
    FMI_SEAL_OVERHEAD = 24 + 16,                      /* bytes that sealing adds: nonce, tag */
    FMI_SEAL_HASH = 32,                               /* of an id */
    FMI_SEAL_LOCK = 1 + 1 + 4 + 8 + 16 + 24 + 32 + 16 /* see seal.c */
};

/* In memory that is not swapped out. */
typedef struct fmi_seal {
    unsigned char seal_key[32], hash_key[32];
    unsigned char lock[FMI_SEAL_LOCK]; /* as it lies in the file */
} fmi_seal;

/* A caller's key, checked and copied into own; what it points to is still the caller's. */
fm_status fmi_key_read(fm_gallery_key *own, const fm_gallery_key *key, fm_error *err);

/* A new gallery's. What the callback says is passed on. */
fm_status fmi_seal_make(fmi_seal **out, const fm_gallery_key *key, fm_error *err);
/* FM_E_PERMISSION: another key; FM_E_CORRUPT: no lock */
fm_status fmi_seal_open(fmi_seal **out, const fm_gallery_key *key, const void *lock, size_t size,
                        fm_error *err);
void fmi_seal_free(fmi_seal *seal); /* wipes; NULL is a no-op */

/* out[size + FMI_SEAL_OVERHEAD]. place: what the bytes belong to; they open at no other. */
void fmi_seal_close_bytes(const fmi_seal *seal, const void *plain, size_t size, const void *place,
                          size_t place_size, unsigned char *out);
/* out[size - FMI_SEAL_OVERHEAD]; FM_E_CORRUPT, without a text: not sealed with this key at this
 * place with these bytes. Nothing of the plain text is in out then. */
fm_status fmi_seal_open_bytes(const fmi_seal *seal, const void *sealed, size_t size,
                              const void *place, size_t place_size, void *out);
void fmi_seal_hash_id(const fmi_seal *seal, const char *id, unsigned char out[FMI_SEAL_HASH]);

/* Tests only: what new passphrases cost from now on; 0, 0 for what is usual. */
void fmi_seal_set_cost(uint32_t passes, uint64_t bytes);

#endif
