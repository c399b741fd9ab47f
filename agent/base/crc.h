/* SPDX-License-Identifier: GPL-2.0 */
/*
 * CRC32C (Castagnoli, RFC 3720), by Intel's ISA-L, which picks the fastest
 * implementation for the processor.
 */
#ifndef BASE_CRC_H
#define BASE_CRC_H

#include <stddef.h>
#include <stdint.h>

/**
 * base_crc32c() - checksum of @size bytes, going on from @crc
 * @crc: 0 to start, or what an earlier call returned
 */
uint32_t base_crc32c(uint32_t crc, const void *data, size_t size);

#endif
