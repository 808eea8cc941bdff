package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/rossumapi"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
)

// outcomeRule is one of a step's outcomes.
type outcomeRule struct {
	configs.OutcomeRule
	cond    *code
	message *code
}

func (c *compiler) outcomes(path string, rules []configs.OutcomeRule, n names) []outcomeRule {
	list := make([]outcomeRule, 0, len(rules))
	for i, r := range rules {
		at := fmt.Sprintf("%s[%d]", path, i)
		list = append(list, outcomeRule{r, c.expr(at+".if", r.If, n), c.template(at+".message", r.Message, n)})
	}
	return list
}

// Judge says what a response means: the step's outcomes, its ok, then the transport's own outcome o. A success whose body
// fails ok, cannot be read, is cut or lacks a kept value is uncertain, or retry where repeating is safe. The kept values
// are those of keep, where the effect is there; they are nil for a duplicate that a rule tells of and a look-up can find:
// it says whether the document is ours.
func (s *Send) Judge(ctx context.Context, resp *target.Response, o outcome.Outcome) (outcome.Outcome, map[string]json.RawMessage) {
	if resp == nil {
		return o, nil
	}
	f := s.scope.live.frame(ctx)
	f.response = &response{notes: f.notes, resp: resp}
	rule := s.rule(f, resp)
	if rule != nil {
		o = s.ruled(f, rule, o)
	} else {
		o = s.judged(f, resp, o)
	}
	if o.Kind == outcome.Rejected {
		o.Fields = append(o.Fields, s.complaints(f)...)
	}
	if !o.Done() || rule != nil && o.Kind == outcome.Duplicate && s.CanFind() {
		return o, nil
	}
	if resp.Partial {
		return s.doubt(o, "body_cut", "the answer was cut"), nil
	}
	kept, err := s.kept(f)
	if err != nil {
		return s.doubt(o, "kept_missing", err.Error()), nil
	}
	return o, kept
}

// rule is the first of the step's outcomes that matches. A condition that asks for what the response does not have does
// not hold.
func (s *Send) rule(f *frame, resp *target.Response) *outcomeRule {
	for i := range s.Step.send.outcomes {
		r := &s.Step.send.outcomes[i]
		if !matchesStatus(r.Status, resp.Status) {
			continue
		}
		if r.cond == nil {
			return r
		}
		if ok, err := r.cond.truth(f); err == nil && ok {
			return r
		}
	}
	return nil
}

// matchesStatus compares a status with 409, 5xx or nothing, which is any.
func matchesStatus(pattern string, status int) bool {
	class, isClass := strings.CutSuffix(pattern, "xx")
	return pattern == "" || pattern == strconv.Itoa(status) || isClass && class == strconv.Itoa(status/100)
}

// ruled is the outcome that a rule gives.
func (s *Send) ruled(f *frame, r *outcomeRule, o outcome.Outcome) outcome.Outcome {
	o.Kind, o.Reason, o.Fields = outcome.Kind(r.Outcome), "rule", nil
	if r.After > 0 {
		o.After = r.After.D()
	}
	if text, err := r.message.string(f); err == nil && text != "" {
		o.Message = outcome.Excerpt([]byte(text))
	}
	if o.Message == "" {
		o.Message = fmt.Sprintf("%s answered %d: %s", s.Target, o.Status, r.Outcome)
	}
	if r.Field != "" && o.Kind == outcome.Rejected {
		o.Fields = []outcome.Field{s.complaint(f.ctx, r.Field, -1, o.Message)}
	}
	return o
}

// judged is the outcome by ok, else the transport's own.
func (s *Send) judged(f *frame, resp *target.Response, o outcome.Outcome) outcome.Outcome {
	if s.Step.send.ok == nil {
		return o
	}
	if resp.Partial {
		return o // a success that was cut is no proof: see Judge
	}
	ok, err := s.Step.send.ok.truth(f)
	switch {
	case err == nil && ok:
		o.Kind, o.Reason, o.Message = outcome.OK, "", ""
	case o.Done() && f.response.err != nil:
		return s.doubt(o, "body_unreadable", "the answer cannot be read")
	case o.Done():
		return s.doubt(o, "body_not_ok", "the answer does not say that it was done")
	}
	return o
}

// doubt is a success one cannot be sure of.
func (s *Send) doubt(o outcome.Outcome, reason, message string) outcome.Outcome {
	o.Kind, o.Reason = outcome.Uncertain, reason
	if s.Request.Safe {
		o.Kind, o.Doubtful = outcome.Retry, true
	}
	o.Message = fmt.Sprintf("%s answered %d, but %s", s.Target, o.Status, message)
	return o
}

// kept evaluates keep. The error names what is missing and holds no value.
func (s *Send) kept(f *frame) (map[string]json.RawMessage, error) {
	kept := make(map[string]json.RawMessage, len(s.Step.send.keep))
	for _, k := range s.Step.send.keep {
		v, err := k.value(f)
		if err != nil || v == nil || v == "" {
			return nil, fmt.Errorf("it lacks %s, which keep asks for", k.name)
		}
		raw, err := encodeJSON(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.name, err)
		}
		kept[k.name] = raw
	}
	return kept, nil
}

// complaint is a refusal at a field, of a row where one is known.
func (s *Send) complaint(ctx context.Context, schemaID string, row int, text string) outcome.Field {
	c := outcome.Field{SchemaID: schemaID, Type: rossumapi.TypeError, Text: text}
	if node := s.scope.cell(ctx, schemaID, row); node != nil {
		c.Datapoint = node.ID
	}
	return c
}
