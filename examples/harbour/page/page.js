const at = (id) => document.getElementById(id)
const lost = "You are no longer known here. Join again to write."

/** Who we are ({ name }, by the session that the browser's cookie names), the open room's name, and the cursor of its older messages. */
let me = null
let shown = null
let older = null
let moreRooms = null
/** What follows rooms on their channels, once it is loaded, and how it stands: `connecting`, `live` or `reconnecting`. */
let rooms = null
let state = null
/** Which members are in the shown room, in words. */
let here = ""
/** The number of the newest message up to which none is missing. */
let through = 0

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
    ...(body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) })
  }).catch(() => {
    throw new Error("Harbour does not answer. Is it still running?")
  })
  const answer = await response.json().catch(() => ({}))
  if (response.ok) return answer
  if (response.status === 401 && me !== null) {
    become(null)
    throw new Error(lost)
  }
  const faults = (answer.errors ?? []).map(({ message, path }) => `${path.slice(1) || "body"}: ${message}`)
  throw new Error(faults.join("; ") || answer.detail || `The request failed with status ${response.status}.`)
}

const become = (member) => {
  me = member
  show()
  // The socket knows us by the session that it was opened with.
  rooms?.reopen(() => shown !== null && rooms.follow(shown, me))
}

/** Asks who we are: the session may have ended, here or in another tab. */
const identify = async () => {
  const { name } = await call("GET", "/api/session")
  if (name === (me?.name ?? null)) return
  become(name === null ? null : { name })
  if (name === null) say(lost)
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

/** Shows the previews of a message that are not shown yet: they may come long after their message, and in any order. */
const showPreviews = (item, made) => {
  const list = item.querySelector(".previews")
  if (list.childElementCount >= made.length) return
  list.replaceChildren(...made.map(preview))
  list.hidden = false
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

const itemOf = (id) => at("log").querySelector(`[data-id="${id}"]`)

const numberOf = (item) => Number(item?.dataset.id ?? 0)

/** Keeps the end of the messages in sight, if it is, while `run` changes them. */
const keepingEnd = (run) => {
  const pane = at("pane")
  const atEnd = pane.scrollHeight - pane.scrollTop - pane.clientHeight < 48
  run()
  if (atEnd) pane.scrollTop = pane.scrollHeight
}

/** Shows a message once, at its place: those of people who post at one moment may come in any order. */
const add = (message) => {
  if (message.room !== shown) return
  const known = itemOf(message.id)
  if (known !== null) return keepingEnd(() => showPreviews(known, message.previews))
  const item = entry(message)
  item.classList.add("new")
  const before = [...at("log").children].findLast((other) => numberOf(other) < message.id)
  keepingEnd(() => (before === undefined ? at("log").prepend(item) : before.after(item)))
  at("quiet").hidden = true
}

let turn = Promise.resolve()
/** What changes the messages runs one behind the other: what is told while a page is fetched is newer than the page. */
const inTurn = (run) => {
  const done = turn.then(run)
  turn = done.catch(() => {})
  return done
}

const mostMissed = 20

/** Adds what is missing, page by page, and previews that were made. After more than `mostMissed` pages it starts anew. */
const refresh = () =>
  inTurn(async () => {
    const room = shown
    if (room === null) return
    const { items, next } = await messages(room, null)
    let cursor = next
    const gap = () => cursor !== null && items.at(-1).id > through
    for (let pages = through === 0 ? mostMissed : 1; gap() && pages < mostMissed; pages++) {
      const more = await messages(room, cursor)
      items.push(...more.items)
      cursor = more.next
    }
    if (room !== shown) return
    if (gap()) {
      at("log").replaceChildren()
      settle(cursor)
    }
    for (const message of items.toReversed()) add(message)
    through = items.at(0)?.id ?? through
  })

/** Looks for what is missing. From then on nothing is, if the room was followed before. */
const look = async () => {
  const followed = rooms?.follows(shown)
  await refresh()
  if (followed && rooms.follows(shown)) stand("live")
}
const lookAgain = () => look().catch(() => {})

/** Leaves the room that is shown: nothing on the page speaks of it any more. */
const leaveRoom = () => {
  shown = null
  rooms?.unfollow()
  stand(null)
  document.title = "Harbour"
  show()
}

const openRoom = async (room, isWanted) => {
  const { name, topic } = await call("GET", `/api/rooms/${encodeURIComponent(room)}`)
  const { items, next } = await messages(name, null)
  if (!isWanted()) return
  const pane = at("pane")
  pane.setAttribute("aria-live", "off")
  at("log").replaceChildren(...items.toReversed().map(entry))
  setTimeout(() => pane.setAttribute("aria-live", "polite"))
  shown = name
  through = items.at(0)?.id ?? 0
  at("room-title").textContent = `# ${name}`
  at("topic").textContent = topic
  document.title = `${name} · Harbour`
  settle(next)
  show()
  pane.scrollTop = pane.scrollHeight
  rooms?.follow(name, me)
  say(`Room ${name}, ${items.length} messages shown.`)
}

/** Opens the room that the address names. No name needs to be escaped there. */
const enter = async () => {
  const { hash } = location
  const room = hash.slice(1)
  if (room === shown || room === "messages") return
  leaveRoom()
  if (room === "") return say("No room is open.")
  // Another room may have been chosen meanwhile: then neither this one nor what is wrong with it is of interest.
  const isWanted = () => location.hash === hash
  try {
    await openRoom(room, isWanted)
  } catch (error) {
    if (!isWanted()) return
    say("No room is open.")
    throw error
  }
}

onSubmit(at("join"), async (form) => {
  const { name } = await call("POST", "/api/session", { name: form.elements.name.value.trim() })
  form.reset()
  await identify()
  if (me === null) throw new Error("The browser kept no cookie: over plain HTTP it needs HARBOUR_PLAIN_HTTP=true.")
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
  const posted = await call("POST", `/api/rooms/${shown}/messages`, { text: form.elements.text.value })
  form.reset()
  count()
  // It may have been told already.
  await inTurn(() => add(posted))
  form.elements.text.focus()
})

const count = () => {
  const left = Number(at("post").dataset.limit) - [...at("text").value].length
  at("left").textContent = left < 500 ? `${left} characters left.` : ""
}
at("text").addEventListener("input", () => {
  count()
  if (at("text").value.trim() !== "") rooms?.type(shown)
})
at("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) at("post").requestSubmit()
})

at("older").addEventListener("click", ({ currentTarget }) =>
  act(currentTarget, async () => {
    const room = shown
    const { items, next } = await messages(room, older)
    if (room !== shown) return
    const pane = at("pane")
    const below = pane.scrollHeight - pane.scrollTop
    at("log").prepend(...items.toReversed().map(entry))
    pane.scrollTop = pane.scrollHeight - below
    settle(next)
    say(`${items.length} older messages added.`)
  })
)
at("more-rooms").addEventListener("click", ({ currentTarget }) => act(currentTarget, () => listRooms(moreRooms)))
at("leave").addEventListener("click", ({ currentTarget }) =>
  act(currentTarget, async () => {
    await call("DELETE", "/api/session")
    become(null)
    say("Signed out.")
  })
)

const states = { connecting: "Connecting", live: "Live", reconnecting: "Reconnecting" }

/** Shows how the connection stands; `null` is none, and nothing to show. */
const stand = (now) => {
  state = now
  at("connection").hidden = now === null
  at("connection").dataset.state = now
  at("connection").textContent = states[now] ?? ""
  if (now !== "live") at("typing").textContent = here = ""
  at("present").textContent = here
}

const heard = {
  joined: () => identify().then(lookAgain, lookAgain),
  state: stand,
  posted: (message) =>
    inTurn(() => {
      add(message)
      if (state === "live" && message.room === shown) through = Math.max(through, message.id)
    }),
  present: (words) => {
    here = words
    if (state === "live") at("present").textContent = words
  },
  previewed: ({ id, previews }) =>
    inTurn(() => {
      const item = itemOf(id)
      if (item !== null) keepingEnd(() => showPreviews(item, previews))
    }),
  typing: (words) => void (at("typing").textContent = words)
}

addEventListener("hashchange", () => act(null, enter))
await act(null, () => identify().then(() => listRooms()))
await act(null, enter)
show()

let looks = 0

/** Looks for news while the page is seen and not live, and seldom while it is: events of another node may be lost on their way. The next look may succeed. */
const watch = async () => {
  if ((state !== "live" || ++looks % 10 === 0) && document.visibilityState === "visible") await lookAgain()
  setTimeout(watch, 3000)
}
setTimeout(watch, 3000)

const [phoenix, live] = document.querySelectorAll("link[rel=modulepreload]")
try {
  const [client, { live: follower }] = await Promise.all([import(phoenix.href), import(live.href)])
  rooms = follower(client, heard)
  if (shown !== null) rooms.follow(shown, me)
} catch {
  // Without them the page looks for news every 3 seconds.
}
