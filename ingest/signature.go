package ingest

import (
	"crypto/hmac"
	"crypto/sha1" // Rossum's legacy header, accepted by option only
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"net/http"
	"strings"
)

// Signature headers (Rossum API reference, Webhooks, Validating payloads from Rossum), in Go's canonical form.
const (
	headerSHA256 = "X-Rossum-Signature-Sha256"
	headerSHA1   = "X-Elis-Signature" // legacy
)

// verify reports whether one of the hook's secrets signed the body. A SHA-256 header that is there must hold, whatever
// the legacy one says; a header given twice is refused, since two readers could see two signatures.
func (h *hook) verify(header http.Header, body []byte) bool {
	if len(h.secrets) == 0 {
		return h.insecure
	}
	if given := header.Values(headerSHA256); len(given) > 0 {
		return len(given) == 1 && h.signed(given[0], "sha256", sha256.New, body)
	}
	given := header.Values(headerSHA1)
	return h.legacySHA1 && len(given) == 1 && h.signed(given[0], "sha1", sha1.New, body)
}

func (h *hook) signed(header, algorithm string, newHash func() hash.Hash, body []byte) bool {
	sum, ok := parseSignature(header, algorithm, newHash().Size())
	if !ok {
		return false
	}
	for _, secret := range h.secrets {
		mac := hmac.New(newHash, secret)
		mac.Write(body)
		if hmac.Equal(sum, mac.Sum(nil)) {
			return true
		}
	}
	return false
}

// parseSignature reads algorithm=HEX with a sum of size bytes.
func parseSignature(header, algorithm string, size int) (sum []byte, ok bool) {
	name, text, found := strings.Cut(header, "=")
	if !found || name != algorithm || len(text) != hex.EncodedLen(size) {
		return nil, false
	}
	sum, err := hex.DecodeString(text)
	return sum, err == nil
}
