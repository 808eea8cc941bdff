package rossumsim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/rossum-relay/rossum-relay/rossumapi"
)

// UserSpec is a user to add.
type UserSpec struct {
	Username, Password string
	Admin              bool    // sees all queues
	Queues             []int64 // what others see
	Organization       int64   // Defaults to the first one
}

// AddUser adds a user and returns its id.
func (s *Sim) AddUser(spec UserSpec) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	organization := s.anyOrganization()
	if spec.Organization != 0 {
		organization = s.collections["organizations"].items[spec.Organization]
	}
	return s.add("users", map[string]any{"username": spec.Username, "password": spec.Password, "email": spec.Username,
		"admin": spec.Admin, "queues": s.links("queues", spec.Queues), "organization": organization.text("url"),
		"date_joined": s.now()}).id
}

func (s *Sim) links(kind string, ids []int64) []string {
	links := []string{}
	for _, id := range ids {
		links = append(links, s.url(kind, id))
	}
	return links
}

// AddOrganization adds an organization and returns its id.
func (s *Sim) AddOrganization(name string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add("organizations", map[string]any{"name": name}).id
}

// AddSchema adds a schema, given the JSON of its sections, and returns its id.
func (s *Sim) AddSchema(name string, content json.RawMessage) (int64, error) {
	var sections []any
	if err := json.Unmarshal(content, &sections); err != nil {
		return 0, fmt.Errorf("rossum simulator: schema content: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add("schemas", map[string]any{"name": name, "content": sections}).id, nil
}

// AddQueue adds a queue of a schema and returns its id. Attributes, such as
// automation_level or use_confirmed_state, overwrite the defaults.
func (s *Sim) AddQueue(name string, schemaID int64, attributes map[string]any) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	workspace := s.add("workspaces", map[string]any{"name": name, "organization": s.anyOrganization().text("url")})
	queue := s.add("queues", map[string]any{"name": name, "schema": s.url("schemas", schemaID), "workspace": workspace.text("url")})
	maps.Copy(queue.attrs, attributes)
	return queue.id
}

// SetQueue overwrites attributes of a queue.
func (s *Sim) SetQueue(id int64, attributes map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(s.collections["queues"].items[id].attrs, attributes)
}

// HookSpec is a hook to add.
type HookSpec struct {
	Name          string
	URL           string
	Secret        string // "" = calls are not signed
	Events        []string
	Queues        []int64
	Sideload      []string
	RunAfter      []int64
	TokenOwner    int64 // 0 = no token in the payload
	TokenLifetime int   // seconds; 0 = the token dies with the answer
	Settings      map[string]any
	Secrets       map[string]any
	Config        map[string]any // timeout_s, retry_count, ...
}

// AddHook adds an active webhook and returns its id.
func (s *Sim) AddHook(spec HookSpec) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	config := map[string]any{"url": spec.URL, "secret": orNil(spec.Secret), "timeout_s": 30, "retry_count": 4,
		"max_polling_time_s": 300, "retry_after_polling_failure": true, "retry_on_any_non_2xx": false}
	maps.Copy(config, spec.Config)
	attrs := map[string]any{"name": spec.Name, "events": append([]string{}, spec.Events...), "queues": s.links("queues", spec.Queues),
		"sideload": append([]string{}, spec.Sideload...), "run_after": s.links("hooks", spec.RunAfter), "config": config,
		"created_at": s.now()}
	if spec.TokenOwner != 0 {
		attrs["token_owner"] = s.url("users", spec.TokenOwner)
	}
	if spec.TokenLifetime != 0 {
		attrs["token_lifetime_s"] = spec.TokenLifetime
	}
	if spec.Settings != nil {
		attrs["settings"] = spec.Settings
	}
	if spec.Secrets != nil {
		attrs["secrets"] = spec.Secrets
	}
	hook := s.add("hooks", attrs)
	s.linkHooks()
	return hook.id
}

// AddLabel adds a label and returns its id.
func (s *Sim) AddLabel(name string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add("labels", map[string]any{"name": name}).id
}

// Token issues a login token for a user.
func (s *Sim) Token(userID int64, lifetime time.Duration) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newToken(s.collections["users"].items[userID], lifetime).key
}

// URL returns the link of an object, such as URL("queues", id).
func (s *Sim) URL(kind string, id int64) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.url(kind, id)
}

// Upload is a document to put into Rossum as if its data had been extracted.
type Upload struct {
	Payload  []byte            // a webhook payload of the annotation; one of a content event has the data
	Queue    int64             // Defaults to the payload's own, see [Sim.Import]
	Set      map[string]string // values by schema id, for the first datapoint each: make documents distinct
	Content  []byte            // of the file. Defaults to a small PDF
	Metadata map[string]any
	Status   string // puts the annotation there without calling a hook. Defaults to the import, which ends in to_review
}

// Upload adds an annotation and returns its id. The import goes on in the
// background: see [Sim.WaitStatus].
func (s *Sim) Upload(u Upload) (int64, error) {
	p, err := rossumapi.DecodePayload(bytes.Clone(u.Payload))
	if err != nil {
		return 0, fmt.Errorf("rossum simulator: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	taken, err := s.takeOver(p)
	if err != nil {
		return 0, err
	}
	if u.Queue == 0 {
		u.Queue = taken.Queue
	}
	queue := s.collections["queues"].items[u.Queue]
	if queue == nil {
		return 0, fmt.Errorf("rossum simulator: no queue %d", u.Queue)
	}
	a := s.place(p, queue, u)
	var set []rossumapi.Operation
	for schemaID, value := range u.Set {
		node := a.tree.First(schemaID)
		if node == nil || node.Category != rossumapi.Datapoint {
			return 0, fmt.Errorf("rossum simulator: no field %q to set", schemaID)
		}
		set = append(set, rossumapi.Replace(node.ID, value))
	}
	s.apply(a, set, fromHook)
	if u.Status == "" {
		s.startImport(a)
		return a.id, nil
	}
	a.previous = a.status()
	a.attrs["status"], a.attrs["modified_at"] = u.Status, s.now()
	if stamp := stampOf(u.Status); stamp != "" {
		a.attrs[stamp+"_at"] = s.now()
	}
	return a.id, nil
}

// place makes document and annotation of a payload; mu must be held.
func (s *Sim) place(p rossumapi.Payload, queue *entity, u Upload) *annotation {
	t := takeover{sim: s, base: p.BaseURL}
	name := p.DocumentObject.Text("original_file_name")
	if u.Content == nil {
		u.Content = onePagePDF(fmt.Sprintf("%s %s", name, s.randomHex(4)))
	}
	creator := t.relink(p.AnnotationObject.Text("creator"))
	document := s.addDocument(name, p.DocumentObject.Text("mime_type"), u.Content, creator)
	metadata := map[string]any{}
	maps.Copy(metadata, u.Metadata)
	a := s.newAnnotation(queue, document, metadata)
	for _, key := range []string{"modifier", "modified_by", "email", "labels", "assignees", "related_emails", "einvoice", "automated"} {
		var value any
		if json.Unmarshal(p.AnnotationObject.Get(key), &value) == nil && value != nil {
			a.attrs[key] = t.relinkAll(value)
		}
	}
	if p.Content == nil {
		p.Content = s.extract(a)
	}
	t.tree(a, p.Content)
	s.relateDuplicates(a, u.Content)
	return a
}

// Confirm lets a user review and confirm an annotation, as in the UI: start,
// confirm hooks, and on to the export, which goes on in the background.
func (s *Sim) Confirm(ctx context.Context, annotationID, userID int64) error {
	if err := s.Open(ctx, annotationID, userID); err != nil {
		return err
	}
	s.mu.Lock()
	a, user := s.annotations[annotationID], s.url("users", userID)
	s.mu.Unlock()
	if complaint := s.confirmAs(ctx, a, user); complaint != "" {
		return fmt.Errorf("rossum simulator: confirm annotation %d: %s", annotationID, complaint)
	}
	return nil
}

// Open lets a user open an annotation in the UI: it takes the review lock and
// calls the started hooks.
func (s *Sim) Open(ctx context.Context, annotationID, userID int64) error {
	s.mu.Lock()
	a, user := s.annotations[annotationID], s.url("users", userID)
	if a == nil {
		s.mu.Unlock()
		return fmt.Errorf("rossum simulator: no annotation %d", annotationID)
	}
	status := a.status()
	reviewable := slices.Contains([]string{rossumapi.StatusToReview, rossumapi.StatusPostponed, rossumapi.StatusConfirmed}, status)
	if reviewable {
		s.setStatus(a, rossumapi.StatusReviewing, user)
	}
	mine := a.status() == rossumapi.StatusReviewing && a.text("modified_by") == user
	s.mu.Unlock()
	if !mine {
		return fmt.Errorf("rossum simulator: annotation %d cannot be opened in status %s", annotationID, status)
	}
	s.runHooks(ctx, a, "annotation_content", "started", nil)
	return nil
}

// Edit lets the user who has the annotation open change a field, and calls the
// hooks of that.
func (s *Sim) Edit(ctx context.Context, annotationID int64, schemaID, value string) error {
	s.mu.Lock()
	a := s.annotations[annotationID]
	var node *rossumapi.Node
	if a != nil && a.status() == rossumapi.StatusReviewing {
		node = a.tree.First(schemaID)
	}
	if node == nil {
		s.mu.Unlock()
		return fmt.Errorf("rossum simulator: annotation %d is not open or has no field %q", annotationID, schemaID)
	}
	edit := rossumapi.ReplaceCell(node.ID, rossumapi.Cell{Content: &rossumapi.CellContent{Value: &value}, ValidationSources: []string{"human"}})
	s.apply(a, []rossumapi.Operation{edit}, fromNode)
	s.mu.Unlock()
	for _, action := range []string{"user_update", "updated"} {
		s.runHooks(ctx, a, "annotation_content", action, []int64{node.ID})
	}
	return nil
}

// SetStatus changes a status as a PATCH by the user would (0 = by Rossum
// itself), but with any status allowed.
func (s *Sim) SetStatus(annotationID int64, status string, userID int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, user := s.annotations[annotationID], ""
	if userID != 0 {
		user = s.url("users", userID)
	}
	switch status {
	case rossumapi.StatusExporting:
		s.startExport(a, user)
	case rossumapi.StatusPurged:
		s.purge(a)
	default:
		s.setStatus(a, status, user)
	}
}
