package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

const (
	adminName  = "admin"
	cookieName = "session"
	sessionAge = 30 * 24 * time.Hour
	maxBody    = 64 << 10 // of a request to the API
)

// names are what users may be called.
var names = regexp.MustCompile(`^[\p{L}\p{N}](?:[\p{L}\p{N} ._-]{0,22}[\p{L}\p{N}])?$`)

// auth makes and checks sessions. A session is a name, an end and an id, signed:
// nothing has to be kept but the key. Only admin has a password, since this is a
// demonstration; everybody else is who they say they are.
type auth struct {
	key      []byte
	password string // of admin
}

type session struct {
	User string `json:"user"`
	Ends int64  `json:"ends"` // s since 1970
	ID   string `json:"id"`   // tells its sockets from those of others
}

func newSession(user string) session {
	return session{user, time.Now().Add(sessionAge).Unix(), rand.Text()}
}

// newAuth takes the key from a file of dir, and makes it if there is none, so that
// those who are logged in stay so when the program starts anew.
func newAuth(dir, password string) (*auth, error) {
	key := make([]byte, 32)
	rand.Read(key)
	if dir == "" {
		return &auth{key, password}, nil
	}
	file := filepath.Join(dir, "session.key")
	kept, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &auth{key, password}, os.WriteFile(file, key, 0o600)
	case err != nil:
		return nil, err
	case len(kept) != len(key):
		return nil, errors.New(file + " is damaged: delete it, and everybody has to log in again")
	}
	return &auth{kept, password}, nil
}

// sign returns the session as a token: for the cookie, or for a bearer header.
func (a *auth) sign(s session) string {
	payload, _ := json.Marshal(s) // of a string and a number
	body := base64.RawURLEncoding.EncodeToString(payload)
	return body + "." + base64.RawURLEncoding.EncodeToString(a.mac(body))
}

// verify returns the session of a token, unless it is forged or has ended.
func (a *auth) verify(token string) (s session, ok bool) {
	body, signature, _ := strings.Cut(token, ".")
	mac, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || !hmac.Equal(mac, a.mac(body)) {
		return s, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil || json.Unmarshal(payload, &s) != nil {
		return s, false
	}
	return s, time.Now().Unix() < s.Ends
}

func (a *auth) mac(body string) []byte {
	h := hmac.New(sha256.New, a.key)
	h.Write([]byte(body))
	return h.Sum(nil)
}

// identify is the middleware that finds out who the user is, if there is one, and
// puts the name where handlers and sockets find it.
func (a *auth) identify(c *gin.Context) {
	token, bearer := strings.CutPrefix(c.GetHeader("Authorization"), "Bearer ")
	if !bearer {
		token, _ = c.Cookie(cookieName)
	}
	if s, ok := a.verify(token); ok {
		c.Set("user", s.User)
		c.Set("session", s.ID)
	}
}

func requireUser(c *gin.Context) {
	if c.GetString("user") == "" {
		refuse(c, http.StatusUnauthorized, "You are not logged in.")
	}
}

// me tells the page whether it has to show the login.
func (a *auth) me(c *gin.Context) {
	c.JSON(http.StatusOK, gin.H{"user": c.GetString("user")})
}

func (a *auth) login(c *gin.Context) {
	var form struct{ Name, Password string }
	if !bind(c, &form) {
		return
	}
	name := strings.TrimSpace(form.Name)
	switch {
	case !names.MatchString(name):
		refuse(c, http.StatusBadRequest, "A name has up to 24 letters and digits, with spaces, dots and hyphens between them.")
		return
	case strings.EqualFold(name, adminName):
		name = adminName
		if subtle.ConstantTimeCompare([]byte(form.Password), []byte(a.password)) != 1 {
			refuse(c, http.StatusUnauthorized, "That is not the password of admin. The server has printed it when it started.")
			return
		}
	}
	a.setCookie(c, a.sign(newSession(name)), sessionAge)
	c.JSON(http.StatusOK, gin.H{"user": name})
}

func (a *auth) logout(c *gin.Context) {
	a.setCookie(c, "", -time.Second) // in the past
	c.Status(http.StatusNoContent)
}

// token returns a token that a program of the user can send as bearer.
func (a *auth) token(c *gin.Context) {
	s := newSession(c.GetString("user"))
	c.JSON(http.StatusOK, gin.H{"token": a.sign(s), "ends": time.Unix(s.Ends, 0).UTC()})
}

// setCookie sets a cookie that scripts cannot read and other sites cannot use.
func (a *auth) setCookie(c *gin.Context, value string, age time.Duration) {
	http.SetCookie(c.Writer, &http.Cookie{
		Name: cookieName, Value: value, Path: "/", MaxAge: int(age.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: c.Request.TLS != nil,
	})
}

// crossOrigin finds requests that another site made the browser send.
var crossOrigin = http.NewCrossOriginProtection()

func sameOrigin(c *gin.Context) {
	if err := crossOrigin.Check(c.Request); err != nil {
		refuse(c, http.StatusForbidden, "This request comes from another site.")
	}
}

// bind decodes the JSON of a request, or refuses it and reports false.
func bind(c *gin.Context, v any) bool {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxBody)
	err := json.NewDecoder(c.Request.Body).Decode(v)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		refuse(c, http.StatusRequestEntityTooLarge, "That is too much.")
	case err != nil:
		refuse(c, http.StatusBadRequest, "The request is not the JSON that is expected.")
	}
	return err == nil
}

// refuse answers in words that the page can show.
func refuse(c *gin.Context, status int, words string) {
	c.AbortWithStatusJSON(status, gin.H{"error": words})
}
