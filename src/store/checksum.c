/*
 * checksum.c
 *		See checksum.h.
 *
 * The crc32 instruction takes three cycles and can begin one in each: data of
 * some length is read by three lanes at a time, each word to the next lane.
 * The lanes' values are summed in the end; damage within 32 bits changes one
 * lane or two neighbouring ones, and so the sum.
 */
#include "store/checksum.h"

#define LANES 3
#define LANES_MIN 192 /* bytes that are worth the lanes */
#define POLYNOMIAL 0x82f63b78
#define NUMBER_BITS 48

/* How eight bytes change a CRC. */
typedef uint64_t (*Step)(uint64_t crc, uint64_t word);

static uint32_t table[8][256];

/* Fills the tables of the portable step. */
static void
fill_tables(void)
{
	for (uint32_t i = 0; i < 256; i++)
	{
		uint32_t crc = i;

		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ ((crc & 1) != 0 ? POLYNOMIAL : 0);
		table[0][i] = crc;
	}
	for (uint32_t i = 0; i < 256; i++)
		for (int k = 1; k < 8; k++)
			table[k][i] =
				(table[k - 1][i] >> 8) ^ table[0][table[k - 1][i] & 0xff];
}

/* One word without the instruction. */
static inline uint64_t
step_portable(uint64_t crc, uint64_t word)
{
	word ^= crc;
	return table[7][word & 0xff] ^ table[6][(word >> 8) & 0xff] ^
		table[5][(word >> 16) & 0xff] ^ table[4][(word >> 24) & 0xff] ^
		table[3][(word >> 32) & 0xff] ^ table[2][(word >> 40) & 0xff] ^
		table[1][(word >> 48) & 0xff] ^ table[0][word >> 56];
}

/* The eight bytes at p. */
static inline uint64_t
load(const unsigned char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

/* The sum with a step that the compiler knows; inlined into both callers. */
static inline __attribute__((always_inline)) uint32_t
sum_with(Step step, uint64_t seed, const unsigned char *p, size_t size)
{
	uint64_t crc = step(step(~UINT32_C(0), seed), size);

	if (size >= LANES_MIN)
	{
		uint64_t lane[LANES] = {crc, crc ^ UINT32_MAX, crc ^ POLYNOMIAL};

#pragma GCC unroll 4
		for (; size >= LANES * 8; size -= LANES * 8, p += LANES * 8)
		{
			lane[0] = step(lane[0], load(p));
			lane[1] = step(lane[1], load(p + 8));
			lane[2] = step(lane[2], load(p + 16));
		}
		crc = step(step(lane[0], lane[1]), lane[2]);
	}
	for (; size >= 8; size -= 8, p += 8)
		crc = step(crc, load(p));
	if (size > 0)
	{
		uint64_t word = 0;

		memcpy(&word, p, size);
		crc = step(crc, word);
	}
	return (uint32_t) crc;
}

/* Without the instruction. */
static uint32_t
sum_portable(uint64_t seed, const void *data, size_t size)
{
	return sum_with(step_portable, seed, data, size);
}

#if defined(__x86_64__)
/* One word with the instruction. */
static inline __attribute__((target("sse4.2"))) uint64_t
step_sse42(uint64_t crc, uint64_t word)
{
	return __builtin_ia32_crc32di(crc, word);
}

/* With the instruction. */
static __attribute__((target("sse4.2"))) uint32_t
sum_sse42(uint64_t seed, const void *data, size_t size)
{
	return sum_with(step_sse42, seed, data, size);
}
#endif

static uint32_t sum_first(uint64_t seed, const void *data, size_t size);

/* The function for this processor, found at the first call. */
static uint32_t (*sum)(uint64_t seed, const void *data,
					   size_t size) = sum_first;

static uint32_t
sum_first(uint64_t seed, const void *data, size_t size)
{
	fill_tables();
	sum = sum_portable;
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2"))
		sum = sum_sse42;
#endif
	return sum(seed, data, size);
}

/* Sums with what the processor offers; see checksum.h. */
uint32_t
tview_checksum(uint64_t seed, const void *data, size_t size)
{
	return sum(seed, data, size);
}

/* Sixteen bits of a number's checksum. */
static inline uint64_t
seal_of(uint64_t number)
{
	uint32_t crc = sum(number, NULL, 0);

	return (uint64_t) ((crc ^ (crc >> 16)) & 0xffff) << NUMBER_BITS;
}

/* Adds the bits that vouch for a number. */
uint64_t
tview_checksum_seal(uint64_t number)
{
	return number >> NUMBER_BITS != 0 ? UINT64_MAX : number | seal_of(number);
}

/* Takes them off, when they do. */
bool
tview_checksum_open(uint64_t sealed, uint64_t *number)
{
	*number = sealed;
	if (sealed == UINT64_MAX)
		return true;
	*number = sealed & ((UINT64_C(1) << NUMBER_BITS) - 1);
	return sealed == (*number | seal_of(*number));
}
