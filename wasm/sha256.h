/* sha256.h - SHA-256 (FIPS 180-4) fed piece by piece: the loader hashes weights while they arrive,
 * which WebCrypto cannot do. */
#ifndef THIMBLE_SHA256_H
#define THIMBLE_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_BYTES = 32, SHA256_BLOCK = 64 };

typedef struct {
    uint32_t state[8];
    uint64_t length; /* bytes so far */
    uint8_t block[SHA256_BLOCK];
} sha256;

void sha256_begin(sha256 *hash);
void sha256_update(sha256 *hash, const uint8_t *data, size_t n);
/* Writes the digest; the hash must be begun again before further use. */
void sha256_end(sha256 *hash, uint8_t digest[SHA256_BYTES]);

#endif
