package engineio_test

import (
	"log"
	"net/http"

	"github.com/gosocketio/sio/core/engineio"
)

// echo sends back what it receives.
type echo struct{ session *engineio.Session }

func (e echo) OnMessage(data []byte, binary bool) {
	e.session.Send(&engineio.Outgoing{Data: data, Binary: binary})
}

func (e echo) OnClose(reason engineio.Reason, err error) {
	log.Println("closed:", reason, err)
}

func Example() {
	engine := engineio.NewServer(&engineio.Options{
		OnConnection: func(s *engineio.Session) engineio.Handler { return echo{s} },
	})
	defer engine.Close()
	http.Handle("/engine.io/", engine)
	log.Fatal(http.ListenAndServe(":3000", nil))
}
