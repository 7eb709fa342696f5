/*
 * Rows are found by every key and every seek, before and after commits and
 * aborts.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_private.h"
#include "tap.h"

#define KEYS 600

/* What the rows should be: sizes by pk - KEYS / 2, 0 for none. */
typedef struct Model
{
	size_t size[KEYS];
	uint8_t fill[KEYS];
} Model;

static int64_t
pk_of(int i)
{
	/* far apart, on both sides of 0, up to the ends */
	if (i == 0)
		return INT64_MIN;
	if (i == KEYS - 1)
		return INT64_MAX;
	return ((int64_t) i - KEYS / 2) * ((i % 2) ? 1000003 : 1000000007) /
		((i % 3) ? 1 : 7);
}

static int
compare_pks(const void *a, const void *b)
{
	int64_t x = *(const int64_t *) a;
	int64_t y = *(const int64_t *) b;

	return x < y ? -1 : x > y;
}

static int64_t pks[KEYS];

static bool
value_is(const Model *model, int i, const TviewValue *value)
{
	const uint8_t *bytes = value->data;

	if (value->size != model->size[i] || (uintptr_t) value->data % 8 != 0)
		return false;
	for (size_t b = 0; b < value->size; b++)
		if (bytes[b] != model->fill[i])
			return false;
	return true;
}

/* Changes up to n rows at random, in the store and in the model. */
static int
change_rows(TviewTxn *txn, Model *model, int n)
{
	int wrong = 0;

	for (; n > 0; n--)
	{
		int i = (int) (tap_random() % KEYS);
		uint64_t key = TVIEW_KEY_OF(pks[i]);
		void *room = NULL;
		TviewStoreStatus status;

		if (tap_random() % 3 == 0)
		{
			status = tview_del(txn, TVIEW_DB_ROWS, 9, &key, sizeof(key));
			wrong += status !=
				(model->size[i] != 0 ? TVIEW_STORE_OK : TVIEW_STORE_NOTFOUND);
			model->size[i] = 0;
			continue;
		}
		model->size[i] =
			8 * (tap_random() % ((tap_random() % 8) ? 30 : 1500) + 1);
		model->fill[i] = (uint8_t) tap_random();
		if (tap_random() % 2 == 0)
			status = tview_put_reserve(txn, TVIEW_DB_ROWS, 9, &key, sizeof(key),
									   model->size[i], &room);
		else
			status = tview_put_append(txn, TVIEW_DB_ROWS, 9, &key, sizeof(key),
									  model->size[i], &room);
		if (status == TVIEW_STORE_OK && (uintptr_t) room % 8 == 0)
			memset(room, model->fill[i], model->size[i]);
		else
			wrong++;
	}
	return wrong;
}

/* Index of the row that a seek should find, or -1. */
static int
model_seek(const Model *model, TviewSeek seek, int current, int64_t pk)
{
	int i;

	switch (seek)
	{
		case TVIEW_SEEK_FIRST:
			current = -1;
			break;
		case TVIEW_SEEK_LAST:
			current = KEYS;
			break;
		case TVIEW_SEEK_GE:
			for (current = -1; current + 1 < KEYS && pks[current + 1] < pk;
				 current++)
				;
			break;
		case TVIEW_SEEK_LE:
			for (current = KEYS; current > 0 && pks[current - 1] > pk;
				 current--)
				;
			break;
		default:
			break;
	}
	if (seek == TVIEW_SEEK_FIRST || seek == TVIEW_SEEK_GE ||
		seek == TVIEW_SEEK_NEXT)
	{
		for (i = current + 1; i < KEYS && model->size[i] == 0; i++)
			;
		return i < KEYS ? i : -1;
	}
	for (i = current - 1; i >= 0 && model->size[i] == 0; i--)
		;
	return i;
}

/* Moves a cursor at random n times and compares with the model. */
static int
check_seeks(TviewTxn *txn, const Model *model, int n)
{
	TviewCursor *cursor;
	int current = -1;
	int wrong = 0;

	if (tview_cursor_open(txn, TVIEW_DB_ROWS, 9, &cursor) != TVIEW_STORE_OK)
		return 1;
	for (; n > 0; n--)
	{
		TviewSeek seek = (TviewSeek) (tap_random() % 6);
		int64_t pk = pks[tap_random() % KEYS];
		uint64_t wanted;
		TviewValue key = {&wanted, sizeof(wanted)};
		TviewValue value;
		TviewStoreStatus status;
		int expected;

		if (tap_random() % 2 == 0 && pk != INT64_MIN && pk != INT64_MAX)
			pk += (int64_t) (tap_random() % 3) - 1;
		wanted = TVIEW_KEY_OF(pk);
		if ((seek == TVIEW_SEEK_NEXT || seek == TVIEW_SEEK_PREV) && current < 0)
			continue;
		status = tview_cursor_move(cursor, seek, &key, &value);
		expected = model_seek(model, seek, current, pk);
		if (status != (expected >= 0 ? TVIEW_STORE_OK : TVIEW_STORE_NOTFOUND))
			wrong++;
		else if (expected >= 0)
			wrong += key.size != 8 ||
				TVIEW_PK_OF(*(const uint64_t *) key.data) != pks[expected] ||
				!value_is(model, expected, &value);
		current = expected;
	}
	tview_cursor_close(cursor);
	return wrong;
}

/* Compares all rows by key. */
static int
check_gets(TviewTxn *txn, const Model *model)
{
	int wrong = 0;

	for (int i = 0; i < KEYS; i++)
	{
		uint64_t key = TVIEW_KEY_OF(pks[i]);
		TviewValue value;
		TviewStoreStatus status =
			tview_get(txn, TVIEW_DB_ROWS, 9, &key, sizeof(key), &value);

		if (model->size[i] == 0)
			wrong += status != TVIEW_STORE_NOTFOUND;
		else
			wrong += status != TVIEW_STORE_OK || !value_is(model, i, &value);
	}
	return wrong;
}

static void
test_model(void)
{
	static Model model;
	static Model before;
	TviewStore *store = tap_store(tap_path("model"), &tap_config);
	TviewTxn *txn;
	int wrong[4] = {0};
	uint64_t entries;
	uint64_t bytes;

	for (int i = 0; i < KEYS; i++)
		pks[i] = pk_of(i);
	qsort(pks, KEYS, sizeof(pks[0]), compare_pks);
	for (int i = 1; i < KEYS; i++)
		while (pks[i] <= pks[i - 1])
			pks[i] = pks[i - 1] + 1;
	for (int round = 0; round < 100; round++)
	{
		bool commit = tap_random() % 4 != 0;

		before = model;
		if (tview_write_begin(store, true, &txn) != TVIEW_STORE_OK)
			tap_bail("write_begin");
		for (int part = 0; part < 3; part++)
		{
			wrong[0] += change_rows(txn, &model, (int) (tap_random() % 60));
			wrong[1] += check_seeks(txn, &model, 60);
		}
		if (commit)
			wrong[0] += tview_write_commit(txn) != TVIEW_STORE_OK;
		else
		{
			tview_write_abort(txn);
			model = before;
		}
		if (tview_read_begin(store, &txn) != TVIEW_STORE_OK)
			tap_bail("read_begin");
		wrong[2] += check_gets(txn, &model);
		wrong[3] += check_seeks(txn, &model, 300);
		tview_read_end(txn);
	}
	tap_is((uint64_t) wrong[0], 0,
		   "puts and deletes at random, pks of both signs");
	tap_is((uint64_t) wrong[1], 0,
		   "... every seek finds its row within the write transaction");
	tap_is((uint64_t) wrong[2], 0,
		   "... every get after commits and aborts, values 8-aligned");
	tap_is((uint64_t) wrong[3], 0, "... every seek likewise");
	tview_write_begin(store, true, &txn);
	tap_is(tview_clear(txn, TVIEW_DB_ROWS, 9, true), TVIEW_STORE_OK, "clear");
	memset(&model, 0, sizeof(model));
	tap_ok(check_gets(txn, &model) == 0 && check_seeks(txn, &model, 100) == 0,
		   "... leaves nothing");
	wrong[0] = change_rows(txn, &model, 50);
	tap_ok(wrong[0] == 0 && tview_write_commit(txn) == TVIEW_STORE_OK,
		   "... but a database that can be filled again");
	tview_read_begin(store, &txn);
	tap_ok(check_gets(txn, &model) == 0 &&
			   tview_stat(txn, TVIEW_DB_ROWS, 9, &entries, &bytes) ==
				   TVIEW_STORE_OK &&
			   entries > 20 && entries <= 50 && bytes >= 4096,
		   "... and says its size");
	tview_store_detach(store);
}

static void
test_kinds(void)
{
	TviewStore *store = tap_store(tap_path("kinds"), &tap_config);
	TviewTxn *txn;
	TviewTxn *other;
	TviewCursor *cursor;
	TviewValue value;
	TviewValue key;
	uint8_t index_key[16];
	uint64_t number = 5;
	uint64_t entries;
	uint64_t bytes;
	void *room;
	int wrong = 0;

	tap_is(tview_read_begin(store, &txn), TVIEW_STORE_OK,
		   "read in an empty store");
	tap_is(tview_read_begin(store, &other), TVIEW_STORE_BUSY,
		   "... only one at a time");
	tap_ok(tview_get(txn, TVIEW_DB_META, 0, &number, 8, &value) ==
				   TVIEW_STORE_NOTFOUND &&
			   tview_stat(txn, TVIEW_DB_ROWS, 1, &entries, &bytes) ==
				   TVIEW_STORE_OK &&
			   entries == 0 && bytes == 0 &&
			   tview_cursor_open(txn, TVIEW_DB_INDEX, 3, &cursor) ==
				   TVIEW_STORE_OK &&
			   tview_cursor_move(cursor, TVIEW_SEEK_FIRST, &key, &value) ==
				   TVIEW_STORE_NOTFOUND,
		   "... finds nothing in databases that do not exist");
	tap_ok(tview_put(txn, TVIEW_DB_META, 0, &number, 8, &number, 8) ==
				   TVIEW_STORE_IO &&
			   tview_store_errno(store) == EINVAL,
		   "... and cannot write");
	tview_read_end(txn);
	tview_read_end(txn);

	tview_write_begin(store, true, &txn);
	tap_is(tview_write_begin(store, true, &other), TVIEW_STORE_BUSY,
		   "one write transaction at a time");
	for (int i = 0; i < 1000; i++)
	{
		memset(index_key, 0, sizeof(index_key));
		index_key[0] = (uint8_t) (i * 7);
		index_key[15] = (uint8_t) (i / 256);
		wrong += tview_put(txn, TVIEW_DB_INDEX, 1, index_key, 16, "", 0) !=
			TVIEW_STORE_OK;
	}
	wrong += tview_put(txn, TVIEW_DB_META, 0, &number, 8, "meta", 4) !=
		TVIEW_STORE_OK;
	wrong +=
		tview_get(txn, TVIEW_DB_META, 0, &number, 8, &value) != TVIEW_STORE_OK;
	tap_ok(wrong == 0 && value.size == 4, "an index and meta");
	tap_ok(tview_get(txn, TVIEW_DB_INDEX, 1, &number, 8, &value) ==
				   TVIEW_STORE_IO &&
			   tview_put(txn, TVIEW_DB_ROWS, 1, index_key, 16, "", 0) ==
				   TVIEW_STORE_IO,
		   "keys of a wrong size are refused");
	wrong =
		tview_cursor_open(txn, TVIEW_DB_INDEX, 1, &cursor) != TVIEW_STORE_OK;
	for (int i = 0; i < 1000; i++)
	{
		uint8_t last[16];

		wrong += tview_cursor_move(cursor, TVIEW_SEEK_NEXT, &key, &value) !=
				TVIEW_STORE_OK ||
			key.size != 16 || value.size != 0;
		wrong += i > 0 && memcmp(last, key.data, 16) >= 0;
		memcpy(last, key.data, 16);
	}
	tap_ok(wrong == 0 &&
			   tview_cursor_move(cursor, TVIEW_SEEK_NEXT, &key, &value) ==
				   TVIEW_STORE_NOTFOUND,
		   "index keys come in memcmp order");
	tview_write_commit(txn);
	tap_is(tview_write_commit(txn), TVIEW_STORE_IO, "a transaction ends once");

	tview_write_begin(store, true, &txn);
	for (int64_t pk = -500; pk < 500; pk++)
	{
		number = TVIEW_KEY_OF(pk);
		wrong += tview_put_append(txn, TVIEW_DB_ROWS, 1, &number, 8, 16,
								  &room) != TVIEW_STORE_OK;
		memset(room, 1, 16);
	}
	number = TVIEW_KEY_OF(-7);
	tap_ok(wrong == 0 &&
			   tview_put_append(txn, TVIEW_DB_ROWS, 1, &number, 8, 24, &room) ==
				   TVIEW_STORE_OK,
		   "appending, also what is not last");
	memset(room, 2, 24);
	tview_write_commit(txn);
	tview_read_begin(store, &txn);
	tap_ok(tview_get(txn, TVIEW_DB_ROWS, 1, &number, 8, &value) ==
				   TVIEW_STORE_OK &&
			   value.size == 24 &&
			   tview_stat(txn, TVIEW_DB_ROWS, 1, &entries, &bytes) ==
				   TVIEW_STORE_OK &&
			   entries == 1000,
		   "... once each");
	tview_store_detach(store);
}

/* An index key: of a tag of its own, or of one that many have. */
static void
index_key(unsigned i, uint8_t key[16])
{
	uint64_t many = i / 3 % 7 * UINT64_C(0x2492492492492492);
	uint64_t tag = i % 3 == 0 ? many : (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
	uint64_t pk = i % 3 == 0 ? i * 2 : UINT64_MAX / 2;

	for (int b = 0; b < 8; b++)
	{
		key[b] = (uint8_t) (tag >> (56 - 8 * b));
		key[8 + b] = (uint8_t) (pk >> (56 - 8 * b));
	}
}

/*
 * Searches begin where a key would be if keys lay evenly: they do not, and the
 * first and last tag that there can be are among them.
 */
static void
test_uneven(void)
{
	TviewStore *store = tap_store(tap_path("uneven"), &tap_config);
	TviewTxn *txn;
	TviewCursor *cursor;
	TviewValue found;
	TviewValue value;
	uint8_t key[16];
	unsigned n = 0;
	int wrong = 0;

	tview_write_begin(store, true, &txn);
	for (unsigned i = 0; i < 9000; i++)
	{
		index_key(i, key);
		wrong += tview_put(txn, TVIEW_DB_INDEX, 1, key, 16, &i, sizeof(i)) !=
			TVIEW_STORE_OK;
	}
	memset(key, 0xff, sizeof(key));
	wrong += tview_put(txn, TVIEW_DB_INDEX, 1, key, 16, &n, sizeof(n)) !=
		TVIEW_STORE_OK;
	tview_write_commit(txn);
	tview_read_begin(store, &txn);
	tview_cursor_open(txn, TVIEW_DB_INDEX, 1, &cursor);
	wrong += tview_get(txn, TVIEW_DB_INDEX, 1, key, 16, &value) !=
		TVIEW_STORE_OK;
	for (unsigned i = 0; i < 9000; i++)
	{
		index_key(i, key);
		wrong += tview_get(txn, TVIEW_DB_INDEX, 1, key, 16, &value) !=
				TVIEW_STORE_OK ||
			memcmp(value.data, &i, sizeof(i)) != 0;
		/* just beside it: nothing, and from there it or a later one */
		key[15] ^= 1;
		wrong += tview_get(txn, TVIEW_DB_INDEX, 1, key, 16, &value) !=
			TVIEW_STORE_NOTFOUND;
		found = (TviewValue){.data = key, .size = 16};
		wrong += tview_cursor_move(cursor, TVIEW_SEEK_GE, &found, &value) !=
				TVIEW_STORE_OK ||
			memcmp(found.data, key, 16) <= 0 ||
			((key[15] & 1) == 0 && memcmp(value.data, &i, sizeof(i)) != 0);
	}
	tap_is((uint64_t) wrong, 0, "uneven keys are found, and those beside not");
	tview_read_end(txn);
	tview_store_detach(store);
}

static void
test_both(void)
{
	TviewStore *store = tap_store(tap_path("both"), &tap_config);
	TviewTxn *reader;
	TviewTxn *writer;
	TviewValue value;
	uint64_t key = 1;
	int wrong = 0;

	for (uint32_t rel = 1; rel <= 200; rel++)
	{
		bool read_first = tap_random() % 2;
		bool commit = tap_random() % 3 != 0;

		if (read_first)
			wrong += tview_read_begin(store, &reader) != TVIEW_STORE_OK;
		wrong += tview_write_begin(store, true, &writer) != TVIEW_STORE_OK;
		wrong += tview_put(writer, TVIEW_DB_ROWS, rel, &key, 8, &key, 8) !=
			TVIEW_STORE_OK;
		if (!read_first)
			wrong += tview_read_begin(store, &reader) != TVIEW_STORE_OK;
		wrong += tview_put(writer, TVIEW_DB_INDEX, rel, "0123456789abcdef", 16,
						   "", 0) != TVIEW_STORE_OK;
		wrong += tview_get(reader, TVIEW_DB_ROWS, rel, &key, 8, &value) !=
			TVIEW_STORE_NOTFOUND;
		wrong += tview_get(writer, TVIEW_DB_ROWS, rel, &key, 8, &value) !=
			TVIEW_STORE_OK;
		if (commit)
			wrong += tview_write_commit(writer) != TVIEW_STORE_OK;
		else
			tview_write_abort(writer);
		wrong += tview_get(reader, TVIEW_DB_ROWS, rel, &key, 8, &value) !=
			TVIEW_STORE_NOTFOUND;
		wrong += tview_get(reader, TVIEW_DB_INDEX, rel, "0123456789abcdef", 16,
						   &value) != TVIEW_STORE_NOTFOUND;
		tview_read_end(reader);
		wrong += tview_read_begin(store, &reader) != TVIEW_STORE_OK;
		wrong += tview_get(reader, TVIEW_DB_ROWS, rel, &key, 8, &value) !=
			(commit ? TVIEW_STORE_OK : TVIEW_STORE_NOTFOUND);
		tview_read_end(reader);
	}
	tap_is(
		(uint64_t) wrong, 0,
		"a read and a write transaction at a time, new databases in half of them");
	tview_store_detach(store);
}

static void
test_map_full(void)
{
	TviewStoreConfig config = tap_config;
	TviewStore *store;
	TviewTxn *txn;
	TviewCursor *cursor;
	TviewValue value;
	TviewValue found;
	void *room;
	uint64_t key;
	TviewStoreStatus status = TVIEW_STORE_OK;

	config.map_size = 1 << 20;
	store = tap_store(tap_path("full"), &config);
	tview_write_begin(store, true, &txn);
	for (key = 0; key < 10; key++)
		tview_put(txn, TVIEW_DB_ROWS, 1, &key, 8, &key, 8);
	tview_write_commit(txn);
	tview_write_begin(store, true, &txn);
	tview_cursor_open(txn, TVIEW_DB_ROWS, 1, &cursor);
	for (key = 0; status == TVIEW_STORE_OK && key < 1000; key++)
		status = tview_put_reserve(txn, TVIEW_DB_ROWS, 2, &key, 8, 4000, &room);
	tap_is(status, TVIEW_STORE_MAP_FULL, "a full map is a status");
	tap_is(tview_cursor_move(cursor, TVIEW_SEEK_FIRST, &found, &value),
		   TVIEW_STORE_NOTFOUND, "... its transaction's cursors find nothing");
	tview_cursor_close(cursor);
	tap_is(tview_put(txn, TVIEW_DB_ROWS, 2, &key, 8, &key, 8),
		   TVIEW_STORE_MAP_FULL, "... later puts get it again");
	tap_is(tview_write_commit(txn), TVIEW_STORE_MAP_FULL, "... and the commit");
	tview_write_abort(txn);
	key = 3;
	tap_ok(tview_write_begin(store, false, &txn) == TVIEW_STORE_OK &&
			   tview_get(txn, TVIEW_DB_ROWS, 1, &key, 8, &value) ==
				   TVIEW_STORE_OK &&
			   tview_get(txn, TVIEW_DB_ROWS, 2, &key, 8, &value) ==
				   TVIEW_STORE_NOTFOUND &&
			   tview_put(txn, TVIEW_DB_ROWS, 2, &key, 8, &key, 8) ==
				   TVIEW_STORE_OK &&
			   tview_write_commit(txn) == TVIEW_STORE_OK,
		   "... of which nothing remains, and life goes on");
	tview_store_detach(store);
}

int
main(void)
{
	test_model();
	test_kinds();
	test_uneven();
	test_both();
	test_map_full();
	return tap_done();
}
