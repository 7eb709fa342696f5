/*
 * The checksum finds what breaks in practice: a bit, the same bit in several
 * words (a broken data line), bytes that have moved, a number with other bits.
 */
#include <string.h>

#include "store/checksum.h"
#include "tap.h"

#define PAGE 4096
#define SEED 42

static unsigned char page[PAGE];
static uint64_t failures;

/* Changes a bit of a word. */
static void
flip(size_t word, unsigned bit)
{
	page[word * 8 + bit / 8] ^= (unsigned char) (1U << bit % 8);
}

/* Counts a change of size bytes that the sum does not show. */
static void
expect_change(uint32_t before, size_t size)
{
	if (tview_checksum(SEED, page, size) == before)
		failures++;
}

static void
test_bits(size_t size)
{
	uint32_t sum = tview_checksum(SEED, page, size);
	size_t words = size / 8;

	failures = 0;
	for (size_t i = 0; i < size * 8; i++)
	{
		page[i / 8] ^= (unsigned char) (1U << i % 8);
		expect_change(sum, size);
		page[i / 8] ^= (unsigned char) (1U << i % 8);
	}
	tap_ok(failures == 0, "%zu bytes: every bit counts", size);
	failures = 0;
	for (size_t i = 0; i < words; i++)
		for (size_t j = i + 1; j < words; j++)
		{
			unsigned bit = (unsigned) (i * 7 + j) % 64;

			flip(i, bit);
			flip(j, bit);
			expect_change(sum, size);
			flip(i, bit);
			flip(j, bit);
		}
	tap_ok(failures == 0, "%zu bytes: the same bit in two words", size);
	failures = 0;
	for (size_t n = 3; n <= words; n += n < 16 ? 1 : 13)
		for (unsigned bit = 0; bit < 64; bit++)
		{
			for (int round = 0; round < 2; round++)
			{
				for (size_t i = 0; i < n; i++)
					flip(i, bit);
				if (round == 0)
					expect_change(sum, size);
			}
		}
	tap_ok(failures == 0, "%zu bytes: the same bit in many words", size);
}

static void
test_places(void)
{
	uint32_t sum = tview_checksum(SEED, page, PAGE);

	tap_ok(tview_checksum(SEED + 1, page, PAGE) != sum, "another place");
	tap_ok(tview_checksum(SEED, page, PAGE - 1) != sum, "one byte less");
	failures = 0;
	for (size_t at = 8; at <= PAGE / 2; at += 8)
	{
		unsigned char moved[PAGE];

		memcpy(moved, page + at, PAGE - at);
		memcpy(moved + PAGE - at, page, at);
		if (tview_checksum(SEED, moved, PAGE) == sum)
			failures++;
	}
	tap_ok(failures == 0, "bytes that have moved");
	memset(page, 0, PAGE);
	tap_ok(tview_checksum(SEED, page, PAGE) != tview_checksum(SEED, page, 8),
		   "zeros of another size");
}

static void
test_seals(void)
{
	uint64_t number;

	failures = 0;
	for (uint64_t n = 0; n < 100000; n += 997)
	{
		uint64_t sealed = tview_checksum_seal(n);

		if (!tview_checksum_open(sealed, &number) || number != n)
			failures++;
		for (int bit = 0; bit < 64; bit++)
			if (tview_checksum_open(sealed ^ (UINT64_C(1) << bit), &number))
				failures++;
	}
	tap_ok(failures == 0, "sealed numbers come back, and no other ones");
	tap_ok(tview_checksum_open(tview_checksum_seal(UINT64_MAX), &number) &&
			   number == UINT64_MAX,
		   "unknown stays unknown");
}

int
main(void)
{
	for (size_t i = 0; i < PAGE; i++)
		page[i] = (unsigned char) (i * i * 31 + i / 3);
	test_bits(40);
	test_bits(208);
	test_bits(1000);
	test_bits(PAGE);
	test_places();
	test_seals();
	return tap_done();
}
