package rossumsim

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// listOf answers a list endpoint with filters, ordering, sideloads and pages.
func (s *Sim) listOf(kind string) endpoint {
	return func(r *request) answer {
		var found []*entity
		query := r.URL.Query()
		for _, e := range s.collections[kind].ordered() {
			if s.mayRead(r.user, kind, e) && s.matches(e, query) {
				found = append(found, e)
			}
		}
		order(found, query.Get("ordering"))
		page, pagination, refusal := s.page(r, found, 100)
		if refusal != nil {
			return *refusal
		}
		results := make([]any, len(page))
		for i, e := range page {
			results[i] = s.shownTo(r.user, e)
		}
		body := map[string]any{"pagination": pagination, "results": results}
		if kind == "annotations" {
			s.sideloadPage(body, page, query.Get("sideload"))
		}
		return ok(body)
	}
}

// sideloadPage adds the lists of related objects that were asked for.
func (s *Sim) sideloadPage(body map[string]any, page []*entity, names string) {
	for name := range strings.SplitSeq(names, ",") {
		if name == "" {
			continue
		}
		objects, seen := []any{}, map[any]bool{}
		for _, e := range page {
			related := s.sideload(s.annotations[e.id], name)
			if document := s.byURL(e.text("document")); name == "documents" && document != nil {
				related = []any{s.shown(document)}
			}
			for _, object := range related {
				attrs, _ := object.(map[string]any)
				if !seen[attrs["url"]] {
					seen[attrs["url"]] = true
					objects = append(objects, object)
				}
			}
		}
		body[name] = objects
	}
}

// mayRead tells whether the object exists for the user.
func (s *Sim) mayRead(user *entity, kind string, e *entity) bool {
	switch kind {
	case "queues":
		return sees(user, e.text("url"))
	case "annotations":
		return sees(user, e.text("queue"))
	}
	return true
}

// matches applies the filters of a query: comma lists of ids or values, ANDed;
// <attribute>_before and _after for times.
func (s *Sim) matches(e *entity, query url.Values) bool {
	for key, values := range query {
		switch key {
		case "page", "page_size", "ordering", "sideload", "fields", "cursor", "include_total", "content.schema_id",
			"format", "to_status", "columns", "delimiter", "quote_char", "search_after":
			continue
		}
		if !s.matchesOne(e, key, values[0]) {
			return false
		}
	}
	return true
}

func (s *Sim) matchesOne(e *entity, key, wanted string) bool {
	if attribute, found := strings.CutSuffix(key, "_before"); found {
		return compareTime(e.text(attribute), wanted) < 0
	}
	if attribute, found := strings.CutSuffix(key, "_after"); found {
		return e.text(attribute) != "" && compareTime(e.text(attribute), wanted) > 0
	}
	switch {
	case key == "queue__workspace":
		e, key = s.byURL(e.text("queue")), "workspace"
	case key == "queue" && e.attrs["queue"] == nil:
		key = "queues"
	case strings.HasPrefix(key, "config_"):
		e, key = &entity{attrs: e.object("config")}, strings.TrimPrefix(key, "config_")
	case strings.HasPrefix(key, "relations__"):
		return s.related(e, strings.TrimPrefix(key, "relations__"), wanted)
	}
	return slices.ContainsFunc(strings.Split(wanted, ","), func(one string) bool { return hasValue(e, key, one) })
}

// related tells whether a relation of the annotation has the value.
func (s *Sim) related(e *entity, key, wanted string) bool {
	for _, relation := range s.collections["relations"].ordered() {
		if slices.Contains(relation.list("annotations"), e.text("url")) && hasValue(relation, key, wanted) {
			return true
		}
	}
	return false
}

// hasValue compares an attribute with a filter value: links by their id, lists
// by any of their entries.
func hasValue(e *entity, key, wanted string) bool {
	values := e.list(key)
	if values == nil {
		value := e.attrs[key]
		if value == nil {
			return wanted == ""
		}
		values = []string{fmt.Sprint(value)}
	}
	for _, value := range values {
		if _, id, isLink := splitURL(value); isLink && wanted == jsonID(id) || value == wanted {
			return true
		}
	}
	return false
}

// compareTime orders timestamps; wanted may be shorter, such as a bare date.
func compareTime(have, wanted string) int {
	a, okA := parseTime(have)
	b, okB := parseTime(wanted)
	if !okA || !okB {
		return strings.Compare(have, wanted)
	}
	return a.Compare(b)
}

func parseTime(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", time.DateTime, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

func order(list []*entity, keys string) {
	for _, key := range slices.Backward(strings.Split(keys, ",")) {
		name, descending := strings.CutPrefix(key, "-")
		if name == "" {
			continue
		}
		slices.SortStableFunc(list, func(a, b *entity) int {
			c := compareValues(a.attrs[name], b.attrs[name])
			if descending {
				return -c
			}
			return c
		})
	}
}

func compareValues(a, b any) int {
	x, okX := a.(int64)
	y, okY := b.(int64)
	if okX && okY {
		return cmp.Compare(x, y)
	}
	return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
}

// page cuts the page out that the query asks for.
func (s *Sim) page(r *request, list []*entity, most int) ([]*entity, map[string]any, *answer) {
	query := r.URL.Query()
	size := most
	if text := query.Get("page_size"); text == "" {
		size = 20
	} else if n, err := strconv.Atoi(text); err == nil && n > 0 {
		size = min(n, most)
	}
	from := 0
	if s.options.CursorPaging || query.Has("search_after") {
		from = cursorOf(query)
	} else if n, err := strconv.Atoi(query.Get("page")); err == nil && n > 0 {
		from = (n - 1) * size
	}
	if from < 0 || from > 0 && from >= len(list) {
		refusal := problem(http.StatusNotFound, "not_found", "Invalid page.")
		return nil, nil, &refusal
	}
	to := min(from+size, len(list))
	link := func(at int, wanted bool) any {
		if !wanted {
			return nil
		}
		linked := url.Values{}
		for key, values := range query {
			linked[key] = values
		}
		switch {
		case strings.HasSuffix(r.URL.Path, "/search"):
			linked.Set("search_after", encodeCursor(at))
		case s.options.CursorPaging:
			linked.Set("cursor", encodeCursor(at))
		default:
			linked.Set("page", strconv.Itoa(at/size+1))
		}
		return s.base + r.URL.Path + "?" + linked.Encode()
	}
	pagination := map[string]any{"next": link(to, to < len(list)), "previous": link(max(from-size, 0), from > 0)}
	if !s.options.CursorPaging {
		pagination["total"], pagination["total_pages"] = len(list), (len(list)+size-1)/size
	}
	return list[from:to], pagination, nil
}

func encodeCursor(at int) string {
	return base64.RawURLEncoding.EncodeToString([]byte("at=" + strconv.Itoa(at)))
}

// cursorOf reads a cursor; a broken one gives -1.
func cursorOf(query url.Values) int {
	text := query.Get("cursor") + query.Get("search_after")
	if text == "" {
		return 0
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	at, err2 := strconv.Atoi(strings.TrimPrefix(string(raw), "at="))
	if err != nil || err2 != nil {
		return -1
	}
	return at
}
