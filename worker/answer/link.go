package answer

import (
	"crypto/subtle"
	"strconv"
	"strings"

	"github.com/rossum-relay/rossum-relay/worker/run"
)

// LinkPath is where ingest serves answers; a Link follows it.
const LinkPath = "/answers/"

// Link names the answer of one generation of an event. Nobody can guess it, and every replica knows it without a store.
func (s *Store) Link(key run.EventKey, generation int) string {
	return string(key) + "." + strconv.Itoa(generation) + "." + s.linkMAC(string(key), strconv.Itoa(generation))
}

// ParseLink reads a Link in constant time over its secret part; ok is false for one this store never made.
func (s *Store) ParseLink(link string) (key run.EventKey, generation int, ok bool) {
	parts := strings.Split(link, ".")
	if len(parts) != 3 {
		return "", 0, false
	}
	want := s.linkMAC(parts[0], parts[1])
	generation, err := strconv.Atoi(parts[1])
	if subtle.ConstantTimeCompare([]byte(parts[2]), []byte(want)) != 1 || err != nil {
		return "", 0, false
	}
	return run.EventKey(parts[0]), generation, true
}

func (s *Store) linkMAC(key, generation string) string {
	return s.queue.Index("answer", key, generation)
}
