package setup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// ErrNotOwned means that a hook was not made by this package and is therefore not changed.
var ErrNotOwned = errors.New("hooks apply did not make this hook: it is not changed")

// Hook finds the hook object of a configured hook, by its mark or its address, or any by its id or its name in Rossum.
func (s *Setup) Hook(ctx context.Context, ref string) (rossumapi.Hook, error) {
	all, err := s.allHooks(ctx)
	if err != nil {
		return rossumapi.Hook{}, err
	}
	owned := ownedBy(all, ref)
	address := strings.TrimSuffix(s.cfg.Ingest.PublicURL, "/") + pathOfHooks + ref
	for _, h := range slices.Concat(owned, all) {
		if h.Config.Text("url") == address {
			return h, nil
		}
	}
	if len(owned) == 1 {
		return owned[0], nil
	}
	return one("hook", ref, all, func(h rossumapi.Hook) (int64, string) { return h.ID, h.Name })
}

// SetSecretsSchema replaces the JSON Schema of a hook's secrets. It reports whether there was anything to change.
func (s *Setup) SetSecretsSchema(ctx context.Context, h rossumapi.Hook, schema json.RawMessage) (changed bool, err error) {
	if mark(h) == "" {
		return false, ErrNotOwned
	}
	if err := checkSecretsSchema(schema); err != nil {
		return false, err
	}
	if canonical(h.SecretsSchema) == canonical(schema) {
		return false, nil
	}
	now, err := s.client.PatchHook(ctx, h.ID, map[string]any{"secrets_schema": schema})
	if err != nil {
		return false, fmt.Errorf("hook %d: %w", h.ID, err)
	}
	if canonical(now.SecretsSchema) != canonical(schema) {
		return true, fmt.Errorf("hook %d: Rossum took the schema but kept its own", h.ID)
	}
	return true, nil
}

// checkSecretsSchema holds a schema to Rossum's rule: additionalProperties is false or {"type": "string"} (Rossum API
// reference, Hook.secrets_schema).
func checkSecretsSchema(raw json.RawMessage) error {
	var schema struct {
		Type       string          `json:"type"`
		Additional json.RawMessage `json:"additionalProperties"`
	}
	if err := json.Unmarshal(raw, &schema); err != nil {
		return fmt.Errorf("schema of secrets: %w", err)
	}
	if rest := canonical(schema.Additional); schema.Type != "object" || rest != "false" && rest != `{"type":"string"}` {
		return errors.New(`a schema of secrets has type: object, and additionalProperties: false or {type: string}`)
	}
	return nil
}

// LostSecretsError means that a hook has secrets that were not given: whether Rossum keeps them is not documented.
type LostSecretsError struct{ Keys []string }

// Error names the secrets.
func (e *LostSecretsError) Error() string {
	return "the hook also has the secrets " + strings.Join(e.Keys, ", ") + ", which Rossum may drop"
}

// SetSecrets writes values of a hook's secrets. Since they cannot be read, secrets of the hook that are not among them are
// a *LostSecretsError unless replace is given. The returned keys are those Rossum has afterwards.
func (s *Setup) SetSecrets(ctx context.Context, h rossumapi.Hook, values map[string]string, replace bool) (keys []string, err error) {
	if mark(h) == "" {
		return nil, ErrNotOwned
	}
	before, err := s.client.SecretsKeys(ctx, h.ID)
	if err != nil {
		return nil, fmt.Errorf("hook %d: names of its secrets: %w", h.ID, err)
	}
	others := slices.DeleteFunc(before, func(key string) bool { _, given := values[key]; return given })
	if len(others) > 0 && !replace {
		return nil, &LostSecretsError{others}
	}
	if _, err := s.client.PatchHook(ctx, h.ID, map[string]any{"secrets": values}); err != nil {
		return nil, fmt.Errorf("hook %d: %w", h.ID, err)
	}
	keys, err = s.client.SecretsKeys(ctx, h.ID)
	if err != nil {
		return nil, fmt.Errorf("hook %d: names of its secrets: %w", h.ID, err)
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(keys, key) {
			return keys, fmt.Errorf("hook %d: Rossum did not keep the secret %s", h.ID, key)
		}
	}
	return keys, nil
}

// Logs lists the newest calls of a hook, at most limit (0 means all of the last 7 days, which is what Rossum keeps).
func (s *Setup) Logs(ctx context.Context, h rossumapi.Hook, failed bool, since time.Time, limit int) ([]rossumapi.HookLog, error) {
	query := url.Values{"hook": {strconv.FormatInt(h.ID, 10)}}
	if failed {
		query.Set("status", "failed")
	}
	if !since.IsZero() {
		query.Set("timestamp_after", since.UTC().Format(time.RFC3339))
	}
	var logs []rossumapi.HookLog
	for l, err := range s.client.HookLogs(ctx, query) {
		if err != nil {
			return nil, fmt.Errorf("logs of hook %d: %w", h.ID, err)
		}
		if logs = append(logs, l); len(logs) == limit {
			break
		}
	}
	return logs, nil
}
