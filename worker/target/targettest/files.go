package targettest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
)

// FileStore is the far end of a transport of files, with the target that leads to it. It has a folder named in.
type FileStore struct {
	Target target.Target
	// Put stores a file behind the target's back.
	Put func(name, content string)
	// Files are all files there, hidden ones too.
	Files func() map[string]string
}

// RunFiles runs what transports of files promise beside Run. open makes an empty store and cleans up with t.
func RunFiles(t *testing.T, open func(t *testing.T, collision string) FileStore) {
	for _, c := range collisions() {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t, c.policy)) })
	}
	t.Run("look-up", func(t *testing.T) { lookUps(t, open(t, "same")) })
	t.Run("look-ups write nothing", func(t *testing.T) { looksOnly(t, open(t, "same")) })
	t.Run("file that breaks off", func(t *testing.T) { brokenFile(t, open(t, "same")) })
	t.Run("file that is cut", func(t *testing.T) { cutFile(t, open(t, "same")) })
	t.Run("interrupted in the middle", func(t *testing.T) { interruptedFile(t, open(t, "same")) })
	t.Run("duplicate fetches nothing", func(t *testing.T) { duplicateFetchesNothing(t, open(t, "same")) })
	t.Run("no document", func(t *testing.T) {
		_, out := open(t, "same").Target.Do(t.Context(), &target.Request{Path: "in/a.xml"})
		wantKind(t, out, outcome.Misconfigured, "no_document")
	})
	t.Run("other methods", func(t *testing.T) {
		_, out := open(t, "same").Target.Do(t.Context(), &target.Request{Method: http.MethodDelete, Path: "in/a.xml"})
		wantKind(t, out, outcome.Misconfigured, "bad_method")
	})
}

// collision is what is there, what is put, and what must come of it.
type collision struct {
	name, policy string
	before       map[string]string
	body         string
	files        []target.File
	kind         outcome.Kind
	reason       string
	status       int
	stored       string            // the name in the response
	added        map[string]string // to before
}

func collisions() []collision {
	xml, pdf := "in/INV 1.xml", "in/INV 1.pdf"
	scan := []target.File{textFile("scan", "Scan of the day.PDF", "%PDF")}
	large := strings.Repeat("0123456789abcdef", 400<<10) // 6.25 MiB: more than any transport holds in memory
	return []collision{
		{name: "companions have the stem", policy: "fail", body: "<a/>", kind: outcome.OK, reason: "stored", status: 201, stored: xml,
			files: []target.File{textFile("scan", "x.pdf", "%PDF"), textFile("more", "y.pdf", "%PDF2"), textFile("source", "z.xml", "<z/>"), textFile("bare", "none", "?")},
			added: map[string]string{xml: "<a/>", pdf: "%PDF", "in/INV 1_more.pdf": "%PDF2", "in/INV 1_source.xml": "<z/>", "in/INV 1_bare": "?"}},
		{name: "a file may be the document", policy: "fail", kind: outcome.OK, reason: "stored", status: 201, stored: xml,
			files: []target.File{textFile("original", "whatever.tiff", large)}, added: map[string]string{xml: large}},
		{name: "large companion", policy: "same", body: "<a/>", kind: outcome.OK, reason: "stored", status: 201, stored: xml,
			files: []target.File{textFile("scan", "x.pdf", large)}, added: map[string]string{xml: "<a/>", pdf: large}},

		{name: "fail: taken", policy: "fail", before: map[string]string{xml: "<a/>"}, body: "<a/>", kind: outcome.Rejected, reason: "name_taken", status: 409, stored: xml},
		{name: "fail: taken, and a file is the document", policy: "fail", before: map[string]string{xml: "<a/>"}, files: scan,
			kind: outcome.Rejected, reason: "name_taken", status: 409, stored: xml},
		{name: "fail: companion taken", policy: "fail", before: map[string]string{"in/INV 1.PDF": "other"}, body: "<a/>", files: scan,
			kind: outcome.Rejected, reason: "name_taken", status: 409, stored: "in/INV 1.PDF"},
		{name: "fail: companion of an earlier attempt", policy: "fail", before: map[string]string{"in/INV 1.PDF": "%PDF"}, body: "<a/>", files: scan,
			kind: outcome.OK, reason: "stored", status: 201, stored: xml, added: map[string]string{xml: "<a/>"}},

		{name: "same: same", policy: "same", before: map[string]string{xml: "<a/>"}, body: "<a/>", kind: outcome.Duplicate, reason: "same_content", status: 200, stored: xml},
		{name: "same: other of the same size", policy: "same", before: map[string]string{xml: "<b/>"}, body: "<a/>", kind: outcome.Rejected, reason: "name_taken", status: 409, stored: xml},
		{name: "same: other size", policy: "same", before: map[string]string{xml: "<longer/>"}, body: "<a/>", kind: outcome.Rejected, reason: "name_taken", status: 409, stored: xml},
		{name: "same: a file is the document", policy: "same", before: map[string]string{xml: large}, kind: outcome.Duplicate, reason: "same_content", status: 200, stored: xml,
			files: []target.File{textFile("original", "x.tiff", large)}},
		{name: "same: large companion of an earlier attempt", policy: "same", before: map[string]string{pdf: large}, body: "<a/>",
			files: []target.File{textFile("scan", "x.pdf", large)}, kind: outcome.OK, reason: "stored", status: 201, stored: xml, added: map[string]string{xml: "<a/>"}},

		{name: "suffix: next free name, companions too", policy: "suffix", before: map[string]string{xml: "<b/>", "in/INV 1_2.xml": "<c/>"}, body: "<a/>",
			files: []target.File{textFile("scan", "x.pdf", "%PDF")}, kind: outcome.OK, reason: "stored", status: 201, stored: "in/INV 1_3.xml",
			added: map[string]string{"in/INV 1_3.xml": "<a/>", "in/INV 1_3.pdf": "%PDF"}},
		{name: "suffix: companion taken", policy: "suffix", before: map[string]string{pdf: "other"}, body: "<a/>",
			files: []target.File{textFile("scan", "x.pdf", "%PDF")}, kind: outcome.OK, reason: "stored", status: 201, stored: "in/INV 1_2.xml",
			added: map[string]string{"in/INV 1_2.xml": "<a/>", "in/INV 1_2.pdf": "%PDF"}},
		{name: "suffix: the same content is stored once", policy: "suffix", before: map[string]string{xml: "<b/>", "in/INV 1_2.xml": "<a/>"}, body: "<a/>",
			kind: outcome.Duplicate, reason: "same_content", status: 200, stored: "in/INV 1_2.xml"},
		{name: "suffix: the same large content is stored once", policy: "suffix", before: map[string]string{xml: "<b/>", "in/INV 1_2.xml": large},
			files: []target.File{textFile("original", "x.tiff", large)}, kind: outcome.Duplicate, reason: "same_content", status: 200, stored: "in/INV 1_2.xml"},
	}
}

func (c *collision) run(t *testing.T, s FileStore) {
	for name, content := range c.before {
		s.Put(name, content)
	}
	resp, out := s.Target.Do(t.Context(), &target.Request{
		Method: http.MethodPut, Path: "in/INV 1.xml", Body: []byte(c.body), ContentType: "application/xml", Files: c.files,
	})
	wantKind(t, out, c.kind, c.reason)
	if resp == nil || resp.Status != c.status || out.Status != c.status {
		t.Fatalf("response %+v, outcome %+v, want the status %d", resp, out, c.status)
	}
	if info := infoOf(t, resp); info.Name != c.stored || info.Size == 0 || info.SHA256 == "" {
		t.Errorf("response %s, want the name %s", resp.Body, c.stored)
	}
	if strings.Contains(out.Message, "INV") {
		t.Errorf("the message holds the file's name: %s", out.Message)
	}
	want := maps.Clone(c.before)
	if want == nil {
		want = map[string]string{}
	}
	maps.Copy(want, c.added)
	if diff := cmp.Diff(hashes(want), hashes(s.Files())); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// lookUps finds nothing, then what was put.
func lookUps(t *testing.T, s FileStore) {
	resp, out := s.Target.Do(t.Context(), &target.Request{Method: http.MethodGet, Path: "in/a.xml", Safe: true})
	wantKind(t, out, outcome.Retry, "not_found")
	if resp == nil || resp.Status != http.StatusNotFound {
		t.Fatalf("nothing there: %+v", resp)
	}
	if _, out := s.Target.Do(t.Context(), &target.Request{Path: "in/a.xml", Body: []byte("<a/>")}); out.Kind != outcome.OK {
		t.Fatalf("put: %+v", out)
	}
	for _, method := range []string{http.MethodHead, http.MethodGet} {
		resp, out := s.Target.Do(t.Context(), &target.Request{Method: method, Path: "in/a.xml", Safe: true})
		wantKind(t, out, outcome.OK, "found")
		if resp == nil || resp.Status != http.StatusOK || resp.Header.Get("Content-Type") != "application/json" {
			t.Fatalf("%s: %+v", method, resp)
		}
		info := infoOf(t, resp)
		if info.Name != "in/a.xml" || info.Size != 4 || info.Modified == "" || method == http.MethodGet && info.SHA256 != hash("<a/>") {
			t.Errorf("%s: %s", method, resp.Body)
		}
	}
}

func looksOnly(t *testing.T, s FileStore) {
	s.Target.Do(t.Context(), &target.Request{Method: http.MethodGet, Path: "in/a.xml", Body: []byte("<a/>"), Files: []target.File{textFile("x", "x.pdf", "%PDF")}})
	if files := s.Files(); len(files) > 0 {
		t.Errorf("a look-up wrote %v", files)
	}
}

// brokenFile leaves nothing behind.
func brokenFile(t *testing.T, s FileStore) {
	broken := textFile("scan", "x.pdf", "")
	broken.Open = func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(strings.NewReader(strings.Repeat("x", 1<<20)), failing{})), nil
	}
	_, out := s.Target.Do(t.Context(), &target.Request{Path: "in/a.xml", Body: []byte("<a/>"), Files: []target.File{broken}})
	wantKind(t, out, outcome.Retry, "file")
	if files := s.Files(); len(files) > 0 {
		t.Errorf("there is %v", slicesOf(files))
	}
}

// cutFile has less than it should.
func cutFile(t *testing.T, s FileStore) {
	cut := textFile("scan", "x.pdf", "%PDF")
	cut.Size++
	_, out := s.Target.Do(t.Context(), &target.Request{Path: "in/a.xml", Body: []byte("<a/>"), Files: []target.File{cut}})
	wantKind(t, out, outcome.Retry, "file")
	if files := s.Files(); len(files) > 0 {
		t.Errorf("there is %v", slicesOf(files))
	}
}

// interruptedFile ends the context while a file is read that will never end by itself.
func interruptedFile(t *testing.T, s FileStore) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, w := io.Pipe()
	endless := textFile("scan", "x.pdf", "")
	endless.Size = -1
	endless.Open = func(context.Context) (io.ReadCloser, error) { return r, nil }
	go func() {
		_, _ = w.Write(bytes.Repeat([]byte("x"), 1<<20))
		cancel()
	}()
	_, out := s.Target.Do(ctx, &target.Request{Path: "in/a.xml", Body: []byte("<a/>"), Files: []target.File{endless}})
	wantKind(t, out, outcome.Retry, "canceled")
	if files := s.Files(); len(files) > 0 {
		t.Errorf("there is %v", slicesOf(files))
	}
}

func duplicateFetchesNothing(t *testing.T, s FileStore) {
	s.Put("in/a.xml", "<a/>")
	never := textFile("scan", "x.pdf", "")
	never.Open = func(context.Context) (io.ReadCloser, error) { return nil, errors.New("opened") }
	_, out := s.Target.Do(t.Context(), &target.Request{Path: "in/a.xml", Body: []byte("<a/>"), Files: []target.File{never}})
	wantKind(t, out, outcome.Duplicate, "same_content")
}

// Streams puts 40 MiB and fails if that takes 16 MiB of memory. The far end must be in no memory either.
func Streams(t *testing.T, tg target.Target, path string) {
	const size, most = 40 << 20, 16 << 20
	counter := &heapReader{left: size, base: heap()}
	f := target.File{Part: "scan", Name: "scan.pdf", Size: size, Open: func(context.Context) (io.ReadCloser, error) { return counter, nil }}
	_, out := tg.Do(t.Context(), &target.Request{Path: path, Body: []byte("<a/>"), Files: []target.File{f}})
	wantKind(t, out, outcome.OK, "stored")
	if counter.left != 0 || counter.peak > most {
		t.Errorf("%d bytes left, took %d KiB of memory", counter.left, counter.peak>>10)
	}
}

// heapReader looks every MiB how much memory is in use.
type heapReader struct {
	left, next int
	base, peak int64
}

func (r *heapReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	if r.left <= r.next || r.next == 0 {
		r.next = r.left - 1<<20
		r.peak = max(r.peak, heap()-r.base)
	}
	n := min(len(p), r.left)
	for i := range p[:n] {
		p[i] = byte(r.left + i)
	}
	r.left -= n
	return n, nil
}

func (r *heapReader) Close() error { return nil }

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("gone") }

func textFile(part, name, content string) target.File {
	return target.File{Part: part, Name: name, ContentType: "application/octet-stream", Size: int64(len(content)),
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil }}
}

type info struct {
	Name     string `json:"name"`
	Size     int64  `json:"size"`
	SHA256   string `json:"sha256"`
	Modified string `json:"modified"`
}

func infoOf(t *testing.T, resp *target.Response) info {
	t.Helper()
	var i info
	if err := json.Unmarshal(resp.Body, &i); err != nil {
		t.Fatalf("response %s: %v", resp.Body, err)
	}
	return i
}

func wantKind(t *testing.T, got outcome.Outcome, kind outcome.Kind, reason string) {
	t.Helper()
	if got.Kind != kind || got.Reason != reason {
		t.Errorf("got %s %s (%s), want %s %s", got.Kind, got.Reason, got.Message, kind, reason)
	}
}

// hashes stand for contents in messages.
func hashes(files map[string]string) map[string]string {
	short := map[string]string{}
	for name, content := range files {
		if len(content) > 64 {
			content = hash(content)
		}
		short[name] = content
	}
	return short
}

func slicesOf(files map[string]string) []string {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	return names
}

func hash(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}
