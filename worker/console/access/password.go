package access

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The cost of new hashes: OWASP's second choice for Argon2id, about 30 ms.
const (
	hashMemory = 19 << 10 // KiB
	hashTime   = 2
	hashLanes  = 1
	saltLen    = 16
	hashLen    = 32
)

// Bounds of what a configured hash may cost a login.
const (
	maxMemory = 256 << 10 // KiB
	maxTime   = 16
	maxLanes  = 16
)

// MinPassword is the fewest characters a password may have.
const MinPassword = 12

// ErrShort means that a password has fewer than MinPassword characters.
var ErrShort = fmt.Errorf("a password has at least %d characters", MinPassword)

// Hash makes the hash of a password for the configuration, in the form of the Password Hashing Competition:
// $argon2id$v=19$m=19456,t=2,p=1$SALT$HASH.
func Hash(password string) (string, error) {
	if len([]rune(password)) < MinPassword {
		return "", ErrShort
	}
	salt := make([]byte, saltLen)
	rand.Read(salt) // never fails
	return hashed{hashMemory, hashTime, hashLanes, salt, nil}.with(password).String(), nil
}

// hashed is a hash with what it was made by.
type hashed struct {
	memory, time uint32
	lanes        uint8
	salt, sum    []byte
}

func (h hashed) with(password string) hashed {
	h.sum = argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.lanes, hashLen)
	return h
}

// String is the form of the configuration.
func (h hashed) String() string {
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.time, h.lanes, enc.EncodeToString(h.salt), enc.EncodeToString(h.sum))
}

// fits reports whether it is the password's hash.
func (h hashed) fits(password string) bool {
	return subtle.ConstantTimeCompare(h.with(password).sum, h.sum) == 1
}

// errHash does not show what was configured: it may be the password itself.
var errHash = errors.New("the password is not a hash; make one with: rossum-relay console password")

func parseHash(text string) (hashed, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return hashed{}, errHash
	}
	var h hashed
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.lanes); err != nil {
		return hashed{}, errHash
	}
	var err1, err2 error
	h.salt, err1 = base64.RawStdEncoding.DecodeString(parts[4])
	h.sum, err2 = base64.RawStdEncoding.DecodeString(parts[5])
	if err := errors.Join(err1, err2); err != nil || len(h.salt) < 8 || len(h.sum) != hashLen {
		return hashed{}, errHash
	}
	if h.memory == 0 || h.memory > maxMemory || h.time == 0 || h.time > maxTime || h.lanes == 0 || h.lanes > maxLanes {
		return hashed{}, errors.New("the password's hash costs too little or too much; make one with: rossum-relay console password")
	}
	return h, nil
}
