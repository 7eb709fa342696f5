/*
 * checksum.c
 *		See checksum.h.
 *
 * The crc32 instruction takes three cycles and can begin one in each: data of
 * some length is read by three lanes at a time, each word to the next lane.
 * The lanes' values are mixed before they are summed.  A CRC is linear: as they
 * are, the same change in two lanes could hide itself, such as that of a broken
 * data line, which changes the same bit in every word.
 */
#include "store/checksum.h"

#define LANES 3
#define LANES_MIN 512 /* bytes that are worth the lanes */
#define ROUND 96	  /* bytes that the lanes read at a time */
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

/* The fewer than eight bytes at p; a call of memcpy would take longer. */
static inline uint64_t
load_rest(const unsigned char *p, size_t size)
{
	uint64_t word = 0;
	uint32_t half;
	unsigned shift = 0;

	if (size >= sizeof(half))
	{
		memcpy(&half, p, sizeof(half));
		word = half;
		p += sizeof(half);
		size -= sizeof(half);
		shift = 32;
	}
	for (; size > 0; size--, shift += 8)
		word |= (uint64_t) *p++ << shift;
	return word;
}

/* Another value for each value, in a way that is not linear. */
static inline uint32_t
mix(uint32_t value, uint32_t even)
{
	value ^= value >> 16;
	value *= UINT32_C(0x85ebca6b) + even;
	value ^= value >> 13;
	value *= UINT32_C(0xc2b2ae35) + even;
	return value ^ (value >> 16);
}

/* So many words, one after the other; at most 8, which the compiler knows. */
static inline __attribute__((always_inline)) uint64_t
step_words(Step step, uint64_t crc, const unsigned char *p, int n)
{
#pragma GCC unroll 8
	for (int i = 0; i < n; i++)
		crc = step(crc, load(p + i * 8));
	return crc;
}

/* What the lanes take of long data. */
static inline __attribute__((always_inline)) uint64_t
sum_lanes(Step step, uint64_t crc, const unsigned char **data, size_t *size)
{
	uint64_t first = crc;
	uint64_t second = crc ^ UINT32_MAX;
	uint64_t third = crc ^ POLYNOMIAL;
	const unsigned char *p = *data;

	for (; *size >= ROUND; *size -= ROUND, p += ROUND)
#pragma GCC unroll 4
		for (int i = 0; i < ROUND; i += LANES * 8)
		{
			first = step(first, load(p + i));
			second = step(second, load(p + i + 8));
			third = step(third, load(p + i + 16));
		}
	*data = p;
	crc = step(0, mix((uint32_t) first, 0));
	crc = step(crc, mix((uint32_t) second, 2));
	return step(crc, mix((uint32_t) third, 4));
}

/* The sum with a step that the compiler knows; inlined into both callers. */
static inline __attribute__((always_inline)) uint32_t
sum_with(Step step, uint64_t seed, const unsigned char *p, size_t size)
{
	uint64_t crc = step(step(~UINT32_C(0), seed), size);

	if (size >= LANES_MIN)
		crc = sum_lanes(step, crc, &p, &size);
	for (; size >= 64; size -= 64, p += 64)
		crc = step_words(step, crc, p, 8);
	/* what is left, without a loop */
	if (size & 32)
	{
		crc = step_words(step, crc, p, 4);
		p += 32;
	}
	if (size & 16)
	{
		crc = step_words(step, crc, p, 2);
		p += 16;
	}
	if (size & 8)
	{
		crc = step(crc, load(p));
		p += 8;
	}
	if (size & 7)
		crc = step(crc, load_rest(p, size & 7));
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
	*number = sealed & TVIEW_SEALED_NUMBER;
	return sealed == (*number | seal_of(*number));
}
