/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/time_index.h"

#include <errno.h>
#include <string.h>

#include "core/base/hash.h"

/*
 * A sorted list cut into blocks, and a sorted directory of their first entries: two binary searches
 * find a place, a short move makes room in a block, and a full block is halved, or where a key's
 * last entry comes, which is most often, cut behind that key's others, so that blocks are full.
 * Neighbours that fit into half a block together are joined, so that max / (BLOCK / 4) blocks are
 * always enough.
 *
 * Who asks about a key mostly asks about a time near the last one: the place where a key was found last is kept, and a
 * search goes out from there. It touches a few lines of memory where one from scratch touches a dozen, none in a cache.
 */
#define BLOCK 256
#define JOIN (BLOCK / 2)
#define PER_FINGER 16

/* Of each block: its first entry, so that a search touches one block only, and what its notes are. */
struct page {
	struct slo_time_entry first;
	uint32_t block;
	uint32_t count; /* never 0 */
	uint32_t noted; /* entries with a note */
	uint32_t note; /* that all of them have, or MIXED: perhaps not */
};

#define MIXED UINT32_MAX

struct block {
	struct slo_time_entry entry[BLOCK];
};

struct slo_time_index {
	size_t max, size;
	size_t pages;
	/* By hash of the key, page and place that were found last. Any value is as right as another. */
	uint32_t *finger;
	uint64_t finger_mask;
	size_t free_count;
	struct page *page;
	struct block *block;
	uint32_t *free; /* blocks in no page */
};

int slo_time_index_new(struct slo_time_index **ret, size_t max, struct slo_err *err)
{
	slo_time_index_auto struct slo_time_index *ix = NULL;
	size_t blocks = max / (BLOCK / 4) + 3;

	if (max == 0 || max > SLO_TIME_INDEX_MAX)
		return slo_err_set(err, -EINVAL, "time index: %zu entries, 1 to %zu allowed", max,
		                   SLO_TIME_INDEX_MAX);
	ix = calloc(1, sizeof(*ix));
	if (ix) {
		ix->page = calloc(blocks, sizeof(*ix->page));
		ix->block = calloc(blocks, sizeof(*ix->block));
		ix->free = calloc(blocks, sizeof(*ix->free));
		while (ix->finger_mask < max / PER_FINGER)
			ix->finger_mask = 2 * ix->finger_mask + 1;
		ix->finger = calloc(ix->finger_mask + 1, sizeof(*ix->finger));
	}
	if (!ix || !ix->page || !ix->block || !ix->free || !ix->finger)
		return slo_err_set(err, -ENOMEM, "time index: no memory for %zu entries", max);
	ix->max = max;
	while (ix->free_count < blocks) {
		ix->free[ix->free_count] = (uint32_t)(blocks - 1 - ix->free_count);
		ix->free_count++;
	}
	*ret = slo_take_ptr(ix);
	return 0;
}

void slo_time_index_freep(struct slo_time_index **ix)
{
	if (*ix) {
		free((*ix)->page);
		free((*ix)->block);
		free((*ix)->free);
		free((*ix)->finger);
	}
	slo_freep(ix);
}

/* --- places -------------------------------------------------------------------------------------------------- */

/*
 * Without a branch: which way a search goes is as good as random, and a wrong guess costs more than
 * the comparisons.
 */
static inline size_t is_before(const struct slo_time_entry *a, const struct slo_time_entry *b)
{
	size_t less = (a->time < b->time) | ((a->time == b->time) & (a->id < b->id));

	return (a->key < b->key) | ((a->key == b->key) & less);
}

static struct slo_time_entry *entries_of(const struct slo_time_index *ix, size_t page)
{
	return ix->block[ix->page[page].block].entry;
}

/*
 * How many of @n entries, @stride bytes from one to the next, are before @e: a search that goes out from @hint, doubling its
 * steps, and then halves what is left.
 */
static inline size_t count_before(const struct slo_time_entry *first, size_t stride, size_t n,
                                  size_t hint, const struct slo_time_entry *e)
{
	size_t low = 0, high = n, step = 1, at = hint < n ? hint : n - 1;
#define IS_BEFORE(i) is_before((const void *)((const char *)first + (i)*stride), e)

	if (IS_BEFORE(at)) {
		for (low = at + 1; low < n; step *= 2) {
			at = low + step - 1 < n ? low + step - 1 : n - 1;
			if (!IS_BEFORE(at)) {
				high = at;
				break;
			}
			low = at + 1;
		}
	} else {
		for (high = at; high > 0; step *= 2) {
			at = high > step ? high - step : 0;
			if (IS_BEFORE(at)) {
				low = at + 1;
				break;
			}
			high = at;
		}
	}
	while (low < high) {
		size_t half = low + (high - low) / 2, before = IS_BEFORE(half);

		low = before ? half + 1 : low;
		high = before ? high : half;
	}
#undef IS_BEFORE
	return low;
}

/* First place whose entry is not before @e; may be one past the end of its page. There is a page. */
static struct slo_time_cursor place_near(const struct slo_time_index *ix,
                                         const struct slo_time_entry *e, size_t page, size_t at)
{
	struct slo_time_cursor c = { .key = e->key };
	size_t before = count_before(&ix->page->first, sizeof(*ix->page), ix->pages, page, e);

	c.block = before ? before - 1 : 0;
	c.at = count_before(entries_of(ix, c.block), sizeof(*e), ix->page[c.block].count, at, e);
	return c;
}

static struct slo_time_cursor place(const struct slo_time_index *ix, struct slo_time_entry e)
{
	uint32_t *finger = &ix->finger[slo_hash_mix(e.key) & ix->finger_mask];
	struct slo_time_cursor c = { .key = e.key };

	if (ix->pages == 0)
		return c;
	c = place_near(ix, &e, *finger / BLOCK, *finger % BLOCK);
	*finger = (uint32_t)(c.block * BLOCK + (c.at < BLOCK ? c.at : BLOCK - 1));
	return c;
}

static void move(struct slo_time_entry *to, const struct slo_time_entry *from, size_t n)
{
	memmove(to, from, n * sizeof(*to));
}

/* --- pages --------------------------------------------------------------------------------------------------- */

static void insert_page(struct slo_time_index *ix, size_t at)
{
	assert(ix->free_count > 0);
	memmove(ix->page + at + 1, ix->page + at, (ix->pages - at) * sizeof(*ix->page));
	ix->page[at] = (struct page){ .block = ix->free[--ix->free_count] };
	ix->pages++;
}

static void remove_page(struct slo_time_index *ix, size_t at)
{
	ix->free[ix->free_count++] = ix->page[at].block;
	ix->pages--;
	memmove(ix->page + at, ix->page + at + 1, (ix->pages - at) * sizeof(*ix->page));
}

static void set_first(struct slo_time_index *ix, size_t page)
{
	ix->page[page].first = entries_of(ix, page)[0];
}

static uint32_t noted_of(const struct slo_time_entry *entry, size_t n)
{
	uint32_t noted = 0;

	for (size_t i = 0; i < n; i++)
		noted += entry[i].note != 0;
	return noted;
}

/* @n entries of @page get @note more, or each its own where that is MIXED. */
static void count_notes(struct page *page, uint32_t n, uint32_t note)
{
	if (n == 0)
		return;
	page->note = page->noted == 0 || page->note == note ? note : MIXED;
	page->noted += n;
}

/* Where a full page is cut for an entry of @key that comes at @at. */
static size_t cut_at(const struct slo_time_index *ix, size_t page, uint64_t key, size_t at)
{
	if (at < BLOCK / 2 || (at < BLOCK && entries_of(ix, page)[at].key == key))
		return BLOCK / 2;
	return at < BLOCK ? at : BLOCK - 1;
}

static void cut(struct slo_time_index *ix, size_t page, size_t keep)
{
	struct page *a;

	insert_page(ix, page + 1);
	move(entries_of(ix, page + 1), entries_of(ix, page) + keep, BLOCK - keep);
	a = &ix->page[page];
	a[0].count = (uint32_t)keep;
	a[1].count = (uint32_t)(BLOCK - keep);
	a[1].noted = noted_of(entries_of(ix, page + 1), a[1].count);
	a[1].note = a[0].note;
	a[0].noted -= a[1].noted;
	set_first(ix, page + 1);
}

/* Joins @page and the one behind it where they fit into half a block. */
static bool join(struct slo_time_index *ix, size_t page)
{
	struct page *a, *b;

	if (page + 1 >= ix->pages)
		return false;
	a = &ix->page[page];
	b = a + 1;
	if (a->count + b->count > JOIN)
		return false;
	move(entries_of(ix, page) + a->count, entries_of(ix, page + 1), b->count);
	a->count += b->count;
	count_notes(a, b->noted, b->note);
	remove_page(ix, page + 1);
	return true;
}

/* --- entries ------------------------------------------------------------------------------------------------- */

bool slo_time_index_add(struct slo_time_index *ix, uint64_t key, int64_t time, uint32_t id,
                        uint32_t note)
{
	struct slo_time_entry e = { key, time, id, note };
	struct slo_time_cursor c;
	struct slo_time_entry *at;

	if (ix->size == ix->max)
		return false;
	if (ix->pages == 0)
		insert_page(ix, 0); /* and the entry becomes its first */
	c = ix->size ? place(ix, e) : (struct slo_time_cursor){ .key = key };
	if (ix->page[c.block].count == BLOCK) {
		cut(ix, c.block, cut_at(ix, c.block, key, c.at));
		(void)join(ix, c.block + 1);
		c = place(ix, e);
	}
	at = entries_of(ix, c.block) + c.at;
	move(at + 1, at, ix->page[c.block].count - c.at);
	*at = e;
	ix->page[c.block].count++;
	count_notes(&ix->page[c.block], note != 0, note);
	ix->size++;
	if (c.at == 0)
		set_first(ix, c.block);
	return true;
}

/* The same place in the directory's next page where @c is past the end of its own. */
static bool settle(const struct slo_time_index *ix, struct slo_time_cursor *c)
{
	if (c->block < ix->pages && c->at == ix->page[c->block].count) {
		c->block++;
		c->at = 0;
	}
	return c->block < ix->pages;
}

/* The entry, and its place in *@c; NULL: there is none. */
static struct slo_time_entry *find(const struct slo_time_index *ix, struct slo_time_cursor *c,
                                   int64_t time, uint32_t id)
{
	struct slo_time_entry *at;

	*c = place(ix, (struct slo_time_entry){ .key = c->key, .time = time, .id = id });
	if (!settle(ix, c))
		return NULL;
	at = entries_of(ix, c->block) + c->at;
	return at->key == c->key && at->time == time && at->id == id ? at : NULL;
}

bool slo_time_index_note(struct slo_time_index *ix, uint64_t key, int64_t time, uint32_t id,
                         uint32_t note)
{
	struct slo_time_cursor c = { .key = key };
	struct slo_time_entry *at = find(ix, &c, time, id);

	if (!at)
		return false;
	ix->page[c.block].noted -= at->note != 0;
	count_notes(&ix->page[c.block], note != 0, note);
	at->note = note;
	return true;
}

bool slo_time_index_remove(struct slo_time_index *ix, uint64_t key, int64_t time, uint32_t id)
{
	struct slo_time_cursor c = { .key = key };
	struct slo_time_entry *at = find(ix, &c, time, id);

	if (!at)
		return false;
	ix->size--;
	ix->page[c.block].count--;
	ix->page[c.block].noted -= at->note != 0;
	if (ix->page[c.block].count == 0) {
		remove_page(ix, c.block);
		return true;
	}
	move(at, at + 1, ix->page[c.block].count - c.at);
	if (c.at == 0)
		set_first(ix, c.block);
	if (!join(ix, c.block) && c.block > 0)
		(void)join(ix, c.block - 1);
	return true;
}

uint64_t slo_time_index_count(const struct slo_time_index *ix, uint64_t key, int64_t from,
                              int64_t to)
{
	struct slo_time_cursor begin, end;
	uint64_t n;

	if (from > to || ix->pages == 0)
		return 0;
	begin = place(ix, (struct slo_time_entry){ .key = key, .time = from });
	end = place_near(ix, &(struct slo_time_entry){ .key = key, .time = to, .id = UINT32_MAX },
	                 begin.block, begin.at);
	if (begin.block == end.block)
		return end.at - begin.at;
	n = ix->page[begin.block].count - begin.at + end.at;
	for (size_t i = begin.block + 1; i < end.block; i++)
		n += ix->page[i].count;
	return n;
}

struct slo_time_cursor slo_time_index_seek(const struct slo_time_index *ix, uint64_t key,
                                           int64_t from)
{
	return place(ix, (struct slo_time_entry){ .key = key, .time = from });
}

bool slo_time_index_next(const struct slo_time_index *ix, struct slo_time_cursor *c, int64_t to,
                         struct slo_time_entry *ret)
{
	const struct slo_time_entry *at;

	if (!settle(ix, c))
		return false;
	at = entries_of(ix, c->block) + c->at;
	if (at->key != c->key || at->time > to)
		return false;
	*ret = *at;
	c->at++;
	return true;
}

size_t slo_time_index_latest(const struct slo_time_index *ix, uint64_t key, int64_t to,
                             struct slo_time_entry *ret, size_t max)
{
	struct slo_time_cursor c =
		place(ix, (struct slo_time_entry){ .key = key, .time = to, .id = UINT32_MAX });
	const struct slo_time_entry *entry;
	size_t n = 0;

	if (ix->pages == 0)
		return 0;
	entry = entries_of(ix, c.block);
	while (n < max && c.at > 0 && entry[c.at - 1].key == key)
		ret[n++] = entry[--c.at];
	return n;
}

/* Passes over what @c's key has up to @to of a page that is full of one note; not to the page's end: that was all. */
static bool pass_page(const struct slo_time_index *ix, struct slo_time_cursor *c, int64_t to,
                      struct slo_time_passed *passed)
{
	const struct page *page = &ix->page[c->block];
	const struct slo_time_entry *at = entries_of(ix, c->block) + c->at;
	const struct slo_time_entry end = { .key = c->key, .time = to, .id = UINT32_MAX };
	size_t n = page->count - c->at;

	if (page->noted < page->count || page->note == MIXED)
		return false;
	if (!is_before(&at[n - 1], &end))
		n = count_before(at, sizeof(*at), n, n / 2, &end);
	passed->noted += n;
	passed->same += page->note == passed->note ? n : 0;
	c->at += n;
	return true;
}

bool slo_time_index_next_bare(const struct slo_time_index *ix, struct slo_time_cursor *c,
                              int64_t to, uint32_t *ret_id, struct slo_time_passed *passed)
{
	while (settle(ix, c)) {
		const struct slo_time_entry *entry = entries_of(ix, c->block), *at = entry + c->at;
		const struct slo_time_entry *end = entry + ix->page[c->block].count;

		if (pass_page(ix, c, to, passed)) {
			if (c->at < ix->page[c->block].count)
				return false;
			continue;
		}
		for (; at < end; at++) {
			if (at->key != c->key || at->time > to) {
				c->at = (size_t)(at - entry);
				return false;
			}
			if (at->note == 0) {
				c->at = (size_t)(at - entry) + 1;
				*ret_id = at->id;
				return true;
			}
			passed->noted++;
			passed->same += at->note == passed->note;
		}
		c->at = (size_t)(at - entry);
	}
	return false;
}

size_t slo_time_index_size(const struct slo_time_index *ix)
{
	return ix->size;
}
