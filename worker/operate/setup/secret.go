package setup

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rossum-relay/rossum-relay/configs"
)

// Missing reports whether a secret shall be read from a file that does not exist.
func Missing(secret configs.Secret) bool {
	path := secret.File()
	if path == "" {
		return false
	}
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// MissingSecrets lists the hooks whose first signing secret shall be read from a file that does not exist yet, each with
// its file. The first secret is the one Rossum signs with.
func MissingSecrets(cfg *configs.Config) configs.Named[string] {
	var missing configs.Named[string]
	for _, e := range cfg.Hooks {
		if len(e.Value.SigningSecrets) > 0 && Missing(e.Value.SigningSecrets[0]) {
			missing = append(missing, configs.Entry[string]{Name: e.Name, Pos: e.Pos, Value: e.Value.SigningSecrets[0].File()})
		}
	}
	return missing
}

// MakeSecret makes a random signing secret and stores it in a new file that only its owner may read.
func MakeSecret(path string) error {
	const bytes = 32
	secret := make([]byte, bytes)
	_, _ = rand.Read(secret) // never fails
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("signing secret: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("signing secret: %w", err)
	}
	_, err = f.WriteString(hex.EncodeToString(secret) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("signing secret: %w", errors.Join(err, os.Remove(path)))
	}
	return nil
}
