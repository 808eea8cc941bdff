package pipeline

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/jinja"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
)

// FindingKind is what a look-up found.
type FindingKind string

// The kinds of a finding.
const (
	// Hit: the effect is there, and ours.
	Hit FindingKind = "hit"
	// Miss: the look-up worked, and the effect is not there.
	Miss FindingKind = "miss"
	// Failed: nothing is known.
	Failed FindingKind = "failed"
	// Different: something else has our key.
	Different FindingKind = "different"
)

// Finding is the result of a look-up.
type Finding struct {
	Kind FindingKind
	// Kept values of a hit.
	Kept map[string]json.RawMessage
	// Outcome: duplicate for a hit, ok for a miss (of the look-up itself), rejected for something different, and what went
	// wrong for a failure.
	Outcome outcome.Outcome
}

// findCode is a compiled look-up.
type findCode struct {
	method  string
	path    *pathTemplate
	query   []named
	headers []named
	body    *tree
	encode  encoder
	ok      *code
	hit     *code
	why     *code // fails with the reason why hit is undefined
	same    *code
}

func (c *compiler) find(path string, cfg *configs.Find, t *targetCode, n names) *findCode {
	method, at := http.MethodHead, cfg.Path
	switch {
	case !cfg.Get.IsZero():
		method, at = http.MethodGet, cfg.Get
	case !cfg.Post.IsZero():
		method, at = http.MethodPost, cfg.Post
	}
	judging := n.judging("response")
	f := &findCode{
		method: method, path: c.pathTemplate(path+".path", at, n, !t.http),
		query: c.all(path+".query", cfg.Query, n), headers: c.all(path+".headers", cfg.Headers, n),
		ok: c.expr(path+".ok", cfg.OK, judging), hit: c.expr(path+".hit", cfg.Hit, judging),
		same: c.expr(path+".same", cfg.Same, n.judging("response", "hit")), encode: c.encoder(path, configs.Format{}),
	}
	if f.hit != nil {
		f.why = c.expression(path+".hit", "("+cfg.Hit.Source+") ~ ''", cfg.Hit.Pos, judging)
	}
	if !cfg.Body.IsZero() {
		f.body = c.tree(path+".body", cfg.Body, n)
	}
	return f
}

// CanFind reports whether the step has a look-up.
func (s *Send) CanFind() bool { return s.Step.send.find != nil }

// FindRequest makes the request of the look-up; only where CanFind.
func (s *Send) FindRequest(ctx context.Context) (*target.Request, error) {
	find, f := s.Step.send.find, s.scope.live.frame(ctx)
	req := &target.Request{Method: find.method, Safe: true, Timeout: s.Step.timeout(), Path: s.Request.Path}
	path, query, err := find.path.build(f)
	if err != nil {
		return nil, err
	}
	if find.path != nil {
		req.Path = path
	}
	if req.Query, err = valuesOf(f, find.query); err != nil {
		return nil, err
	}
	req.Query = merge(query, req.Query)
	if req.Header, err = headerOf(f, find.headers); err != nil {
		return nil, err
	}
	if find.body == nil {
		return req, nil
	}
	built, err := find.body.build(f)
	if err != nil {
		return nil, err
	}
	doc, err := find.encode(built)
	req.Body, req.ContentType = doc.Body, doc.ContentType
	return req, err
}

// JudgeFind says what a look-up found, o being the transport's own outcome. A look-up that failed, or whose answer is not
// of the shape that hit asks for, is not a miss.
func (s *Send) JudgeFind(ctx context.Context, resp *target.Response, o outcome.Outcome) Finding {
	if resp == nil {
		return Finding{Kind: Failed, Outcome: o}
	}
	f := s.scope.live.frame(ctx)
	f.response = &response{notes: f.notes, resp: resp}
	find := s.Step.send.find
	if find.ok == nil && resp.Status == http.StatusNotFound {
		return Finding{Kind: Miss, Outcome: outcome.Outcome{Kind: outcome.OK, Status: resp.Status}}
	}
	if o, ok := s.worked(f, resp, o); !ok {
		return Finding{Kind: Failed, Outcome: o}
	}
	hit, failed, err := find.look(f)
	switch {
	case err != nil || failed:
		return s.failedFind(o, "find_shape", "the look-up's answer has not the shape that hit asks for")
	case !truthy(hit):
		return Finding{Kind: Miss, Outcome: outcome.Outcome{Kind: outcome.OK, Status: resp.Status}}
	}
	f.bind(local{"hit", hit})
	return s.compare(f, o)
}

// worked tells whether the look-up itself did, by the step's ok, else by a status of 2xx.
func (s *Send) worked(f *frame, resp *target.Response, o outcome.Outcome) (outcome.Outcome, bool) {
	find := s.Step.send.find
	if resp.Partial {
		return s.failedFind(o, "body_cut", "the look-up's answer was cut").Outcome, false
	}
	if find.ok == nil {
		if !o.Done() {
			return o, false
		}
		return o, resp.Status/100 == 2 || resp.Status == 0
	}
	ok, err := find.ok.truth(f)
	if err == nil && ok {
		return o, true
	}
	if o.Done() {
		o = s.failedFind(o, "find_not_ok", "the look-up's answer does not say that it worked").Outcome
	}
	return o, false
}

// look evaluates hit. What is undefined because a list is too short is a miss; for any other reason the look-up failed.
func (f *findCode) look(fr *frame) (hit any, failed bool, err error) {
	fr.notes.reset()
	hit, err = f.hit.eval(fr.ctx, fr)
	if err != nil || !jinja.IsUndefined(hit) {
		return hit, false, err
	}
	_, why := f.why.eval(fr.ctx, fr)
	if why != nil && strings.Contains(why.Error(), "list object") {
		return nil, false, nil
	}
	return nil, true, nil
}

// compare tells whether the hit is ours, and takes its kept values over.
func (s *Send) compare(f *frame, o outcome.Outcome) Finding {
	if same := s.Step.send.find.same; same != nil {
		ok, err := same.truth(f)
		if err != nil {
			return s.failedFind(o, "find_shape", "the object found cannot be compared")
		}
		if !ok {
			return Finding{Kind: Different, Outcome: outcome.Outcome{
				Kind: outcome.Rejected, Reason: "different", Status: o.Status, Message: "another document with this number exists at " + s.Target,
			}}
		}
	}
	kept, err := s.kept(f)
	if err != nil {
		return s.failedFind(o, "kept_missing", "the object was found, but "+err.Error())
	}
	return Finding{Kind: Hit, Kept: kept, Outcome: outcome.Outcome{Kind: outcome.Duplicate, Reason: "found", Status: o.Status}}
}

// failedFind is a look-up whose answer is of no use: to be repeated.
func (s *Send) failedFind(o outcome.Outcome, reason, message string) Finding {
	return Finding{Kind: Failed, Outcome: outcome.Outcome{
		Kind: outcome.Retry, Reason: reason, Status: o.Status, Excerpt: o.Excerpt, Message: s.Target + ": " + message,
	}}
}
