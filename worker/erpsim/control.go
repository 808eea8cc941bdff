package erpsim

import (
	"encoding/json"
	"io"
	"net/http"
)

// controlRoutes are for tests in other processes:
//
//	GET    /_sim/effects     all effects; ?duplicates=1 only those beyond the first
//	GET    /_sim/counts      requests, effects, duplicates, faults by action
//	POST   /_sim/faults      arm a Rule
//	DELETE /_sim/faults      disarm all rules, those of the options too
//	POST   /_sim/revoke      revoke all tokens
//	POST   /_sim/reset       forget all, arm the options' faults again
func (s *Sim) controlRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /_sim/effects", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("duplicates") != "" {
			writeJSON(w, s.Duplicates())
			return
		}
		writeJSON(w, s.Effects())
	})
	mux.HandleFunc("GET /_sim/counts", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, s.Counts()) })
	mux.HandleFunc("POST /_sim/faults", s.postFault)
	mux.HandleFunc("DELETE /_sim/faults", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearFaults()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /_sim/revoke", func(w http.ResponseWriter, _ *http.Request) {
		s.RevokeTokens()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /_sim/reset", func(w http.ResponseWriter, _ *http.Request) {
		s.Reset()
		w.WriteHeader(http.StatusNoContent)
	})
}

// ClearFaults disarms all rules. FailRate goes on.
func (s *Sim) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

func (s *Sim) postFault(w http.ResponseWriter, r *http.Request) {
	d := json.NewDecoder(io.LimitReader(r.Body, 1<<20))
	d.DisallowUnknownFields()
	var rule Rule
	err := d.Decode(&rule)
	if err == nil {
		err = s.AddFault(rule)
	}
	if err != nil {
		problem(http.StatusBadRequest, err.Error()).write(w)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func writeJSON(w http.ResponseWriter, v any) {
	if list, ok := v.([]Effect); ok && list == nil {
		v = []Effect{}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client is gone: nothing to do
}
