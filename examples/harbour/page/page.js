const at = (id) => document.getElementById(id)
const stored = localStorage.getItem("harbour")

/** Who we are ({ name, token }), the open room's name, and the cursor of its older messages. */
let me = stored === null ? null : JSON.parse(stored)
let shown = null
let older = null
let moreRooms = null

const say = (text) => {
  at("status").textContent = text
}

const complain = (text) => {
  at("alert").textContent = text
  at("alert").hidden = text === ""
}

/** Calls the API: the answer, or an Error with what the problem says. */
const call = async (method, path, body) => {
  const response = await fetch(path, {
    method,
    headers: {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(me === null ? {} : { authorization: `Bearer ${me.token}` })
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  }).catch(() => {
    throw new Error("Harbour does not answer. Is it still running?")
  })
  const answer = await response.json().catch(() => ({}))
  if (response.ok) return answer
  if (response.status === 401 && me !== null) {
    become(null)
    throw new Error("Your token is no longer known here. Join again to write.")
  }
  const faults = (answer.errors ?? []).map(({ message, path }) => `${path.slice(1) || "body"}: ${message}`)
  throw new Error(faults.join("; ") || answer.detail || `The request failed with status ${response.status}.`)
}

const become = (member) => {
  me = member
  if (member === null) localStorage.removeItem("harbour")
  else localStorage.setItem("harbour", JSON.stringify(member))
  show()
}

const show = () => {
  at("identity").hidden = me === null
  at("me").textContent = me?.name ?? ""
  at("join").hidden = me !== null
  at("new-room").hidden = me === null
  at("post").hidden = me === null
  at("welcome").hidden = shown !== null
  at("room").hidden = shown === null
  for (const link of at("rooms").querySelectorAll("a")) {
    if (link.dataset.room === shown) link.setAttribute("aria-current", "page")
    else link.removeAttribute("aria-current")
  }
}

/** Runs what a person asked for: one at a time, with what goes wrong told to them. */
const act = async (control, run) => {
  if (control?.disabled) return
  if (control) control.disabled = true
  complain("")
  try {
    await run()
  } catch (error) {
    complain(error.message)
  } finally {
    if (control) control.disabled = false
  }
}

const onSubmit = (form, run) => {
  form.addEventListener("submit", (event) => {
    event.preventDefault()
    act(form.querySelector("button"), () => run(form))
  })
}

const listRooms = async (after) => {
  const { items, next } = await call("GET", `/api/rooms?limit=100${after === undefined ? "" : `&after=${after}`}`)
  const links = items.map(({ name, topic }) => {
    const link = document.createElement("a")
    Object.assign(link, { href: `#${name}`, textContent: name, title: topic })
    link.dataset.room = name
    const item = document.createElement("li")
    item.append(link)
    return item
  })
  if (after === undefined) at("rooms").replaceChildren(...links)
  else at("rooms").append(...links)
  at("no-rooms").hidden = at("rooms").childElementCount > 0
  moreRooms = next
  at("more-rooms").hidden = next === null
  show()
}

const time = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" })

/** What the page behind a link says of itself: the words of a stranger, shown as text and nothing else. */
const preview = ({ description, title, url }) => {
  const link = document.createElement("a")
  Object.assign(link, { href: url, rel: "noopener noreferrer nofollow", target: "_blank" })
  const item = document.createElement("li")
  item.dir = "auto"
  const parts = [
    [link, title],
    [document.createElement("span"), new URL(url).host],
    [document.createElement("p"), description]
  ]
  for (const [element, words] of parts) {
    element.textContent = words
    if (words !== "") item.append(element)
  }
  return item
}

/** Shows the previews of a message, unless they are shown: they may come long after their message. */
const showPreviews = (item, made) => {
  const list = item.querySelector(".previews")
  if (list.childElementCount === made.length) return
  list.replaceChildren(...made.map(preview))
  list.hidden = made.length === 0
}

const entry = ({ author, id, postedAt, previews, text }) => {
  const item = document.createElement("li")
  item.dataset.id = id
  const by = document.createElement("div")
  by.className = "by"
  const name = document.createElement("strong")
  name.textContent = author
  const when = document.createElement("time")
  when.dateTime = postedAt
  when.textContent = time.format(new Date(postedAt))
  const words = document.createElement("div")
  words.className = "text"
  words.textContent = text
  const links = document.createElement("ul")
  Object.assign(links, { className: "previews", hidden: true })
  links.setAttribute("aria-label", "Links")
  by.append(name, when)
  item.append(by, words, links)
  showPreviews(item, previews)
  return item
}

const messages = (room, before) =>
  call("GET", `/api/rooms/${room}/messages?limit=50${before === null ? "" : `&before=${before}`}`)

const settle = (next) => {
  older = next
  at("older").hidden = next === null
  at("quiet").hidden = at("log").childElementCount > 0
}

const newest = () => Number(at("log").lastElementChild?.dataset.id ?? 0)

/** Adds what was posted since the last look, and previews that were made; more than a page of messages replaces what is shown. */
const refresh = async () => {
  const room = shown
  const { items, next } = await messages(room, null)
  if (room !== shown) return
  for (const { id, previews } of items) {
    const item = at("log").querySelector(`[data-id="${id}"]`)
    if (item !== null) showPreviews(item, previews)
  }
  const fresh = items.filter(({ id }) => id > newest()).toReversed()
  if (fresh.length === 0) return
  const entries = fresh.map(entry)
  if (fresh.length === items.length) {
    at("log").replaceChildren(...entries)
    settle(next)
  } else {
    for (const item of entries) item.classList.add("new")
    at("log").append(...entries)
  }
}

const enter = async () => {
  const room = decodeURIComponent(location.hash.slice(1))
  if (room === shown || room === "messages") return
  shown = null
  show()
  if (room === "") return
  const { name, topic } = await call("GET", `/api/rooms/${encodeURIComponent(room)}`)
  const { items, next } = await messages(name, null)
  const log = at("log")
  log.setAttribute("aria-live", "off")
  log.replaceChildren(...items.toReversed().map(entry))
  setTimeout(() => log.setAttribute("aria-live", "polite"))
  shown = name
  at("room-title").textContent = `# ${name}`
  at("topic").textContent = topic
  document.title = `${name} · Harbour`
  settle(next)
  show()
  say(`Room ${name}, ${items.length} messages shown.`)
}

onSubmit(at("join"), async (form) => {
  const { name, token } = await call("POST", "/api/tokens", { name: form.elements.name.value.trim() })
  form.reset()
  become({ name, token })
  say(`You are ${name}.`)
  if (shown === null) at("new-room").querySelector("summary").focus()
  else at("text").focus()
})

onSubmit(at("new-room").querySelector("form"), async (form) => {
  const { name } = await call("POST", "/api/rooms", {
    name: form.elements.name.value,
    topic: form.elements.topic.value.trim()
  })
  form.reset()
  at("new-room").open = false
  await listRooms()
  location.hash = name
  at("messages").focus()
})

onSubmit(at("post"), async (form) => {
  await call("POST", `/api/rooms/${shown}/messages`, { text: form.elements.text.value })
  form.reset()
  count()
  await refresh()
  form.elements.text.focus()
})

const count = () => {
  const left = Number(at("post").dataset.limit) - [...at("text").value].length
  at("left").textContent = left < 500 ? `${left} characters left.` : ""
}
at("text").addEventListener("input", count)
at("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) at("post").requestSubmit()
})

at("older").addEventListener("click", ({ currentTarget }) =>
  act(currentTarget, async () => {
    const room = shown
    const { items, next } = await messages(room, older)
    if (room !== shown) return
    at("log").prepend(...items.toReversed().map(entry))
    settle(next)
    say(`${items.length} older messages added.`)
  })
)
at("more-rooms").addEventListener("click", ({ currentTarget }) => act(currentTarget, () => listRooms(moreRooms)))
at("leave").addEventListener("click", () => {
  complain("")
  become(null)
  say("Signed out.")
})

addEventListener("hashchange", () => act(null, enter))
await act(null, () => listRooms())
await act(null, enter)
show()

/** Looks for news while the page is seen. A look that fails is not worth a word: the next one may succeed. */
const watch = async () => {
  if (shown !== null && document.visibilityState === "visible") await refresh().catch(() => {})
  setTimeout(watch, 3000)
}
setTimeout(watch, 3000)
