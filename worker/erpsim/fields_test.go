package erpsim

import "testing"

// FuzzFields: no document makes the simulator panic or find fields without a name.
func FuzzFields(f *testing.F) {
	for contentType, body := range map[string]string{
		"application/json": `{"a":{"b":[1,{"c":2}]},"d":null}`, "text/xml": `<?xml version="1.0" encoding="latin1"?><a><b x="1">c</b><b/></a>`,
		"text/csv": "a;b\n1;2\n", "application/x-www-form-urlencoded": "a=1&b", "multipart/form-data; boundary=x": "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--",
	} {
		f.Add(contentType, []byte(body))
	}
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		fields, err := parseFields(contentType, body)
		if _, nameless := fields[""]; nameless && err == nil {
			t.Fatal("a field without a name")
		}
	})
}
