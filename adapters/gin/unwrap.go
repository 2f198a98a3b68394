package siogin

import (
	"net/http"
	"reflect"
	"time"

	"github.com/gin-gonic/gin"
)

// ownWriter returns Gin's own writer, which is under those of its middleware, or the
// lowest that is not hidden.
func ownWriter(w gin.ResponseWriter) gin.ResponseWriter {
	for {
		next, ok := below(w).(gin.ResponseWriter)
		if !ok {
			return w
		}
		w = next
	}
}

// serverWriter returns the writer under those of Gin and its middleware, or nil
// if a middleware's writer hides it.
func serverWriter(w gin.ResponseWriter) http.ResponseWriter {
	return below(ownWriter(w))
}

// below returns the writer that w wraps. Middleware seldom gives its writers an
// Unwrap method, Gin's own gzip does not: they embed what they wrap, though.
func below(w http.ResponseWriter) http.ResponseWriter {
	if wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
		return wrapper.Unwrap()
	}
	v := reflect.ValueOf(w)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return nil
	}
	field := v.Elem().FieldByName("ResponseWriter")
	if !field.IsValid() || !field.CanInterface() {
		return nil
	}
	embedded, _ := field.Interface().(http.ResponseWriter)
	return embedded
}

// controllable returns w, or around it a writer through which
// http.ResponseController can set deadlines although a middleware's writer has
// no Unwrap. Without, http.Server.WriteTimeout would cut long polls.
func controllable(w gin.ResponseWriter) http.ResponseWriter {
	for layer := http.ResponseWriter(w); ; {
		if _, ok := layer.(gin.ResponseWriter); !ok {
			return w
		}
		wrapper, ok := layer.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		layer = wrapper.Unwrap()
	}
	server := serverWriter(w)
	if server == nil {
		return w
	}
	return &controlledWriter{ResponseWriter: w, controller: http.NewResponseController(server)}
}

// controlledWriter hands deadlines to the server, past the middleware.
type controlledWriter struct {
	gin.ResponseWriter
	controller *http.ResponseController
}

// SetReadDeadline implements what http.ResponseController looks for.
func (w *controlledWriter) SetReadDeadline(t time.Time) error {
	return w.controller.SetReadDeadline(t)
}

// SetWriteDeadline implements what http.ResponseController looks for.
func (w *controlledWriter) SetWriteDeadline(t time.Time) error {
	return w.controller.SetWriteDeadline(t)
}

// EnableFullDuplex implements what http.ResponseController looks for.
func (w *controlledWriter) EnableFullDuplex() error {
	return w.controller.EnableFullDuplex()
}
