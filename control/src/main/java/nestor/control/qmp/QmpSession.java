package nestor.control.qmp;

import java.time.InstantSource;
import java.util.Optional;
import java.util.Set;
import nestor.control.Json;
import nestor.control.qmp.QmpException.ErrorClass;
import nestor.machine.MachineEvent;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * One client's conversation: greeting, negotiation, then commands, each with its reply. Messages
 * come on the control thread; {@link #event} may be asked on any.
 */
public final class QmpSession {
    private static final Set<String> MEMBERS = Set.of("execute", "arguments", "id");

    private final QmpCommands commands;
    private final InstantSource time;
    private volatile boolean negotiated;

    /** A client has come. */
    public QmpSession(QmpCommands commands, InstantSource time) {
        this.commands = commands;
        this.time = time;
    }

    /** The first message of the server. */
    public ObjectNode greeting() {
        ObjectNode greeting = Json.object();
        ObjectNode qmp = greeting.putObject("QMP");
        qmp.set("version", commands.version());
        qmp.putArray("capabilities");
        return greeting;
    }

    /** Whether the client has left negotiation mode. Any thread. */
    public boolean isNegotiated() {
        return negotiated;
    }

    /** The reply to one message of the client. */
    public ObjectNode accept(byte[] message) {
        JsonNode request;
        try {
            request = Json.read(message);
        } catch (JacksonException e) {
            return error(ErrorClass.GENERIC_ERROR, "not JSON: " + firstLine(e));
        }
        JsonNode id = request.isObject() ? request.get("id") : null;
        ObjectNode reply;
        try {
            reply = Json.object();
            reply.set("return", execute(request));
        } catch (QmpException e) {
            reply = error(e.errorClass(), e.description());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            reply = error(ErrorClass.GENERIC_ERROR, "the machine ends");
        }
        if (id != null) {
            reply.set("id", id);
        }
        return reply;
    }

    private static String firstLine(JacksonException e) {
        return e.getOriginalMessage().lines().findFirst().orElse("");
    }

    private JsonNode execute(JsonNode request) throws QmpException, InterruptedException {
        if (!request.isObject()) {
            throw QmpException.generic("a message must be a JSON object");
        }
        for (String member : ((ObjectNode) request).propertyNames()) {
            if (!MEMBERS.contains(member)) {
                throw QmpException.generic("member '" + member + "' is not known");
            }
        }
        JsonNode name = request.get("execute");
        if (name == null || !name.isString()) {
            throw QmpException.generic("member 'execute' must be there, a string");
        }
        JsonNode given = request.get("arguments");
        if (given != null && !given.isObject()) {
            throw QmpException.generic("member 'arguments' must be an object");
        }
        Arguments arguments = new Arguments(given == null ? Json.object() : (ObjectNode) given);
        if (name.asString().equals(QmpCommands.NEGOTIATE)) {
            return negotiate(arguments);
        }
        if (!negotiated) {
            throw new QmpException(
                    ErrorClass.COMMAND_NOT_FOUND,
                    "capabilities are to be negotiated first, by '%s'"
                            .formatted(QmpCommands.NEGOTIATE));
        }
        return commands.execute(name.asString(), arguments);
    }

    private JsonNode negotiate(Arguments arguments) throws QmpException {
        if (negotiated) {
            throw new QmpException(
                    ErrorClass.COMMAND_NOT_FOUND, "capabilities have been negotiated already");
        }
        Set<String> wanted = arguments.optionalTexts("enable");
        arguments.expectNoMore();
        for (String capability : wanted) {
            throw QmpException.generic("capability '" + capability + "' is not offered");
        }
        negotiated = true;
        return Json.object();
    }

    /** The error reply to something that is no message. */
    public static ObjectNode refusal(String description) {
        return error(ErrorClass.GENERIC_ERROR, description);
    }

    private static ObjectNode error(ErrorClass errorClass, String description) {
        ObjectNode reply = Json.object();
        reply.putObject("error").put("class", errorClass.title()).put("desc", description);
        return reply;
    }

    /** The message that tells of an event; empty before the client has negotiated. */
    public Optional<ObjectNode> event(MachineEvent event) {
        if (!negotiated) {
            return Optional.empty();
        }
        Optional<ObjectNode> message = QmpEvents.of(event);
        var now = time.instant();
        message.ifPresent(told ->
                told.putObject("timestamp")
                        .put("seconds", now.getEpochSecond())
                        .put("microseconds", now.getNano() / 1000));
        return message;
    }
}
