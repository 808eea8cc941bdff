package worker

import "github.com/rossum-relay/rossum-relay/rossumapi"

// mostSearched bounds one field that is kept for the console's search, in characters.
const mostSearched = 200

// searched are the values of the fields that console.index.fields names.
func searched(fields []string, payload rossumapi.Payload) map[string]string {
	if len(fields) == 0 {
		return nil
	}
	values := map[string]string{}
	for _, id := range fields {
		if n := payload.Content.First(id); n != nil && n.Value() != "" {
			r := []rune(n.Value())
			values[id] = string(r[:min(len(r), mostSearched)])
		}
	}
	return values
}
