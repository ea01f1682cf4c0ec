package daemon

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/saker-security/saker/pkg/deliver"
	"github.com/saker-security/saker/pkg/deliver/desk"
)

// controlName is the socket in the data directory on which the running program is told what to do.
const controlName = "control.sock"

// The paths of the control socket. Lists are answered with a JSON object on each line, a controlLine.
const (
	pathAlerts = "/v1/alerts"
	pathReplay = "/v1/alerts/replay"
	pathDrop   = "/v1/alerts/drop"
)

// maxChoice bounds the body of a request in bytes.
const maxChoice = 16 << 20

// controlLine is a line of the answer to a list: an item, or at the end the sums or why there are none.
type controlLine struct {
	Item  *desk.Item  `json:"item,omitempty"`
	Sinks []desk.Sink `json:"sinks,omitempty"`
	End   bool        `json:"end,omitempty"`
	Error string      `json:"error,omitempty"`
}

// controlResult is the answer to a change. The result is there with an error too.
type controlResult struct {
	desk.Result
	Error string `json:"error,omitempty"`
}

// newControl makes the handler of the control socket; audit answers at pathAudit. Whoever may connect may drop alerts: the socket is for the user
// of the program alone.
func newControl(dir string, outputs desk.Outputs, audit http.HandlerFunc) http.Handler {
	d := desk.New(dir, outputs)
	r := chi.NewRouter()
	r.Use(unseen)
	r.Get(pathAlerts, func(w http.ResponseWriter, r *http.Request) { listAlerts(w, r, d) })
	r.Post(pathReplay, changeAlerts(func(r *http.Request, c desk.Choice) (desk.Result, error) { return d.Replay(r.Context(), c) }))
	r.Post(pathDrop, changeAlerts(func(r *http.Request, c desk.Choice) (desk.Result, error) { return d.Drop(r.Context(), c) }))
	r.Get(pathAudit, audit)
	return r
}

func listAlerts(w http.ResponseWriter, r *http.Request, d *desk.Desk) {
	values := r.URL.Query()
	q := desk.Query{Sink: values.Get("sink"), State: values.Get("state"), ID: values.Get("id"), Full: values.Get("full") == "true"}
	if text := values.Get("limit"); text != "" {
		var err error
		if q.Limit, err = strconv.Atoi(text); err != nil || q.Limit < 0 {
			answer(w, http.StatusBadRequest, controlLine{Error: "limit must be a number"})
			return
		}
	}
	unhurried(w)
	w.Header().Set("Content-Type", "application/x-ndjson")
	lines := json.NewEncoder(w)
	sinks, err := d.List(r.Context(), q, func(i desk.Item) error { return lines.Encode(controlLine{Item: &i}) })
	last := controlLine{Sinks: sinks, End: true}
	if err != nil {
		last = controlLine{Error: deliver.ErrorText(err)}
	}
	_ = lines.Encode(last) // whoever asked may have gone
}

func changeAlerts(change func(*http.Request, desk.Choice) (desk.Result, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var c desk.Choice
		body := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxChoice))
		body.DisallowUnknownFields()
		if err := body.Decode(&c); err != nil {
			answer(w, http.StatusBadRequest, controlResult{Error: deliver.ErrorText(err)})
			return
		}
		if _, err := body.Token(); !errors.Is(err, io.EOF) {
			answer(w, http.StatusBadRequest, controlResult{Error: "there is something after the choice"})
			return
		}
		unhurried(w)
		result, err := change(r, c)
		code := http.StatusOK
		if err != nil {
			code = http.StatusConflict
		}
		answer(w, code, controlResult{result, deliver.ErrorText(err)})
	}
}

// unhurried takes the time limit from an answer that may be long.
func unhurried(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // a writer without deadlines has no limit
}
