package console

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/console/index"
)

const apiPath = "/api/v1"

// openAPI describes the API. A test makes it of the routes.
//
//go:embed openapi.json
var openAPI []byte

// route is one operation of the API.
type route struct {
	method, path string
	role         configs.ConsoleRole
	summary      string
	query        []param
	// body and result are values of the types that are read and written; nil for none.
	body, result any
	// status of success. Defaults to 200, or 204 without a result.
	status int
	handle func(*call) (any, error)
}

// param is a parameter of a query.
type param struct{ name, about string }

// APIError is the answer to a request that failed.
type APIError struct {
	Error string `json:"error"`
}

func (r route) okStatus() int {
	switch {
	case r.status != 0:
		return r.status
	case r.result == nil:
		return http.StatusNoContent
	}
	return http.StatusOK
}

func (s *Server) serveAPI(mux *http.ServeMux) {
	for _, r := range routes() {
		mux.HandleFunc(r.method+" "+apiPath+r.path, s.guarded(r.role, refuseJSON, func(c *call) error {
			result, err := r.handle(c)
			if err != nil {
				return err
			}
			if result == nil {
				c.w.WriteHeader(r.okStatus())
				return nil
			}
			return writeJSON(c.w, r.okStatus(), result)
		}))
	}
	mux.HandleFunc("GET "+apiPath+"/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(openAPI)
	})
	mux.HandleFunc(apiPath+"/", func(w http.ResponseWriter, r *http.Request) {
		refuseJSON(&call{w: w, r: r}, errNoSuchPage)
	})
}

func writeJSON(w http.ResponseWriter, status int, v any) error {
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(v); err != nil {
		return fmt.Errorf("console: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
	return nil
}

func refuseJSON(c *call, err error) {
	status, text := statusOf(err)
	if status == http.StatusUnauthorized {
		c.w.Header().Set("WWW-Authenticate", `Bearer realm="rossum-relay"`)
	}
	_ = writeJSON(c.w, status, APIError{text}) // a text always encodes
}

// read decodes a body strictly: a misspelt key must not be taken for a default.
func (c *call) read(v any) error {
	kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return bad("the body must be application/json")
	}
	d := json.NewDecoder(c.r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return err
		}
		return bad("the body is not the expected JSON: " + err.Error())
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return bad("there is more than one value in the body")
	}
	return nil
}

// filterOf reads a filter of dead letters written as a query.
func filterOf(text string, now time.Time) (index.Query, error) {
	v, err := url.ParseQuery(text)
	if err != nil {
		return index.Query{}, bad("filter: not a query such as cause=abc&since=24h")
	}
	return queryOf(v, true, now)
}
