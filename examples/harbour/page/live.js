/**
 * Follows rooms on their channels.
 *
 * The page works without it: whatever is missed here, because the connection is lost or was never had, it reads over HTTP.
 */

/** How often others are told that somebody is typing; Harbour drops what comes more often. */
const beat = 2000
/** How long somebody is shown as typing after they were said to be. */
const lapse = 5000

const whoTypes = (names) => {
  if (names.length > 2) return "Several people are typing…"
  return names.length === 0 ? "" : `${names.join(" and ")} ${names.length === 1 ? "is" : "are"} typing…`
}

const whoIsHere = (names) => {
  const sorted = names.toSorted((one, other) => one.localeCompare(other))
  const more = sorted.length - 12
  const named = sorted.slice(0, 12).join(", ")
  return named === "" ? "" : `Here: ${named}${more > 0 ? ` and ${more} more` : ""}`
}

/**
 * Opens the connection when the first room is followed. `heard` gets
 *
 * - `joined()`: the room is followed, from now on; what was posted before is to be read;
 * - `state(name)`: it is not: `connecting` or `reconnecting`;
 * - `posted(message)` and `previewed({ id, previews })`;
 * - `typing(words)`: which others are typing now;
 * - `present(words)`: which members are in the room now. Neither is a live region: it would talk over the messages.
 *
 * A room that may not be followed is asked for again and again: reading over HTTP says what is wrong.
 */
export const live = ({ Presence, Socket }, heard) => {
  const socket = new Socket("/socket")
  const typing = new Map()
  let channel = null
  let told = 0
  let own = undefined

  const show = () => heard.typing(whoTypes([...typing.keys()].filter((name) => name !== own)))
  const still = (name) => {
    clearTimeout(typing.get(name))
    if (typing.delete(name)) show()
  }

  const reconnecting = () => heard.state("reconnecting")

  const unfollow = () => {
    const left = channel
    channel = null
    left?.leave()
    for (const name of typing.keys()) still(name)
  }

  const follow = (room, me) => {
    unfollow()
    own = me?.name
    const mine = socket.channel(`room:${room}`)
    const whileFollowed = (run) => (value) => {
      if (channel === mine) run(value)
    }
    const on = (event, run) => mine.on(event, whileFollowed(run))
    on("posted", (message) => {
      still(message.author)
      heard.posted(message)
    })
    on("previewed", heard.previewed)
    on("typing", ({ name }) => {
      clearTimeout(typing.get(name))
      typing.set(name, setTimeout(still, lapse, name))
      show()
    })
    const presence = new Presence(mine)
    presence.onSync(whileFollowed(() => heard.present(whoIsHere(presence.list((name) => name)))))
    mine.onError(whileFollowed(reconnecting))
    channel = mine
    heard.state("connecting")
    mine.join().receive("ok", whileFollowed(heard.joined)).receive("error", whileFollowed(reconnecting))
    socket.connect()
  }

  /** Closes the connection, so that the next one is that of another session; `then` runs when it is closed. */
  const reopen = (then) => {
    unfollow()
    socket.disconnect(then)
  }

  const follows = (room) => channel?.topic === `room:${room}` && channel.state === "joined" && socket.isConnected()

  /** Says that the person in this room is typing. */
  const type = (room) => {
    if (!follows(room) || Date.now() - told < beat) return
    told = Date.now()
    channel.push("typing", {})
  }

  return { follow, follows, reopen, unfollow, type }
}
