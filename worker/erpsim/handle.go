package erpsim

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// call is one request to the API, read to its end.
type call struct {
	method, path string
	// collection, name and sub are the parts of the path below the prefix; name is an id or a key.
	collection, name, sub string
	query                 url.Values
	contentType           string
	idempotency           string
	body                  []byte
	fields                map[string]string
	key                   string
	invalid               error // why the document cannot be read
	wantsXML              bool
}

// object is the body where it is a JSON object, else nil.
func (c *call) object() map[string]json.RawMessage {
	var o map[string]json.RawMessage
	if !strings.Contains(c.contentType, "json") || json.Unmarshal(c.body, &o) != nil {
		return nil
	}
	return o
}

// reply is an answer of the ERP.
type reply struct {
	status int
	header map[string]string
	body   []byte
}

func (a reply) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the client is gone: nothing to do
}

func (s *Sim) routes() http.Handler {
	mux := http.NewServeMux()
	s.controlRoutes(mux)
	mux.HandleFunc("POST /oauth2/token", s.counted(s.token))
	api := s.counted(s.authorized(s.serveAPI))
	for _, pattern := range []string{"/{collection}", "/{collection}/{name}", "/{collection}/{name}/{sub}"} {
		mux.HandleFunc(s.opts.Prefix+pattern, api)
	}
	return mux
}

func (s *Sim) counted(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.counts.Requests++
		s.mu.Unlock()
		next(w, r)
	}
}

func (s *Sim) serveAPI(w http.ResponseWriter, r *http.Request) {
	c, err := s.read(r)
	if err != nil {
		status := http.StatusBadRequest
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		problem(status, "the request cannot be read").write(w)
		return
	}
	if f := s.fault(c); f != nil {
		s.act(w, r, c, f)
		return
	}
	s.perform(c).write(w)
}

// read takes the whole request, so that faults act after the client's last byte.
func (s *Sim) read(r *http.Request) (*call, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if err != nil {
		return nil, err
	}
	c := &call{
		method: r.Method, path: r.URL.Path, query: r.URL.Query(), body: body,
		collection: r.PathValue("collection"), name: r.PathValue("name"), sub: r.PathValue("sub"),
		contentType: r.Header.Get("Content-Type"), idempotency: r.Header.Get("Idempotency-Key"),
		wantsXML: strings.Contains(r.Header.Get("Accept"), "xml") && !strings.Contains(r.Header.Get("Accept"), "json"),
	}
	if c.sub == "" && (r.Method == http.MethodPost || r.Method == http.MethodPut) {
		c.fields, c.invalid = parseFields(c.contentType, body)
	}
	c.key = s.key(c)
	return c, nil
}

// key is the business key of a call: for reads the query, for attachments their place.
func (s *Sim) key(c *call) string {
	switch {
	case c.sub != "":
		return c.name + "/" + c.sub
	case c.name != "":
		return c.name
	case c.method == http.MethodGet:
		return c.query.Encode()
	}
	var parts []string
	if names, configured := s.opts.Keys[c.collection]; configured {
		for _, name := range names {
			parts = append(parts, c.fields[name])
		}
		return strings.Join(parts, "/")
	}
	for _, name := range slices.Sorted(maps.Keys(c.fields)) {
		if numbersDocument(name) {
			parts = append(parts, c.fields[name])
		}
	}
	switch {
	case len(parts) > 0:
		return strings.Join(parts, "/")
	case c.idempotency != "":
		return c.idempotency
	}
	digest := sha256.Sum256(c.body)
	return hex.EncodeToString(digest[:8])
}

// perform is the ERP without faults.
func (s *Sim) perform(c *call) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, repeated := s.answers[c.idempotency]
	if s.opts.HonourIdempotency && c.idempotency != "" && repeated {
		return before
	}
	answer := s.route(c)
	if c.idempotency != "" && answer.status < 300 {
		s.answers[c.idempotency] = answer
	}
	return answer
}

// route finds out what the call wants. The caller holds the lock.
func (s *Sim) route(c *call) reply {
	read := c.method == http.MethodGet || c.method == http.MethodHead
	switch {
	case c.invalid != nil:
		return problem(http.StatusBadRequest, c.invalid.Error())
	case c.sub != "" && (c.method == http.MethodPut || c.method == http.MethodPost):
		return s.attach(c)
	case c.sub == "" && c.name == "" && c.method == http.MethodPost:
		return s.post(c)
	case c.sub == "" && c.name != "" && c.method == http.MethodPut:
		return s.upsert(c)
	case c.name == "" && read:
		return s.lookUp(c)
	case c.sub == "" && read:
		if d := s.find(c.collection, c.name); d != nil {
			return render(c, http.StatusOK, d.view(c))
		}
		return problem(http.StatusNotFound, "no such document")
	}
	return problem(http.StatusMethodNotAllowed, c.method+" is not allowed here")
}

func (s *Sim) post(c *call) reply {
	if s.opts.RefuseDuplicates != 0 && s.keyTaken(c.collection, c.key) {
		return render(c, s.opts.RefuseDuplicates, map[string]any{"errors": map[string]any{s.keyField(c): []string{"has already been taken"}}})
	}
	d := s.create(c)
	s.apply(c, Create, d.id)
	answer := render(c, http.StatusCreated, d.view(c))
	answer.header["Location"] = s.opts.Prefix + "/" + c.collection + "/" + d.id
	return answer
}

func (s *Sim) keyTaken(collection, key string) bool {
	return slices.ContainsFunc(s.docs, func(d *document) bool { return d.collection == collection && d.key == key })
}

// keyField is the field a refused duplicate is blamed on.
func (s *Sim) keyField(c *call) string {
	if names := s.opts.Keys[c.collection]; len(names) > 0 {
		return names[len(names)-1]
	}
	for _, name := range slices.Sorted(maps.Keys(c.fields)) {
		if numbersDocument(name) {
			return name
		}
	}
	return "document"
}

func (s *Sim) upsert(c *call) reply {
	d, status := s.find(c.collection, c.name), http.StatusOK
	if d == nil {
		d, status = s.create(c), http.StatusCreated
	}
	d.fields, d.object = c.fields, c.object()
	s.apply(c, Upsert, d.id)
	return render(c, status, d.view(c))
}

func (s *Sim) attach(c *call) reply {
	d := s.find(c.collection, c.name)
	if d == nil {
		return problem(http.StatusNotFound, "no such document")
	}
	s.apply(c, Attach, d.id)
	return render(c, http.StatusOK, map[string]any{"id": d.id, c.sub: "ok"})
}

// lookUp finds the documents of which every field asked for has the value.
func (s *Sim) lookUp(c *call) reply {
	found := []any{}
	for _, d := range s.docs {
		if d.collection == c.collection && d.has(c.query) && len(found) < maxFound {
			found = append(found, d.view(c))
		}
	}
	return render(c, http.StatusOK, found)
}

func (d *document) has(query url.Values) bool {
	for name := range query {
		value, ok := d.fields[name]
		if name == "id" && query.Get(name) == d.id {
			continue
		}
		if !ok || value != query.Get(name) {
			return false
		}
	}
	return true
}

// view is the document as the ERP shows it, a JSON one as it came and others as their fields, with the id the ERP gave.
func (d *document) view(c *call) map[string]any {
	v := map[string]any{}
	if d.object != nil && !c.wantsXML {
		for name, value := range d.object {
			v[name] = value
		}
	} else {
		for name, value := range d.fields {
			v[name] = value
		}
	}
	v["id"] = d.id
	return v
}

func problem(status int, text string) reply {
	return reply{status: status, header: map[string]string{}, body: fmt.Appendf(nil, "{\"error\":%q}", text)}
}

// render writes an answer as JSON, or as flat XML for those who want nothing else.
func render(c *call, status int, v any) reply {
	a := reply{status: status, header: map[string]string{}}
	if !c.wantsXML {
		a.body, _ = json.Marshal(v) // maps, lists and strings only
		return a
	}
	a.header["Content-Type"] = "application/xml"
	var b strings.Builder
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	b.WriteString("<response>")
	for _, item := range list {
		b.WriteString("<document>")
		fields := item.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			b.WriteString(`<field name="`)
			_ = xml.EscapeText(&b, []byte(name))
			b.WriteString(`">`)
			_ = xml.EscapeText(&b, fmt.Append(nil, fields[name]))
			b.WriteString("</field>")
		}
		b.WriteString("</document>")
	}
	b.WriteString("</response>")
	a.body = []byte(b.String())
	return a
}
