# Writes OUT: the page FRONT, what `POSTCONF --manual` prints, the page BACK.
execute_process(COMMAND "${POSTCONF}" --manual OUTPUT_VARIABLE parameters RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "postconf --manual: ${status}")
endif()
file(READ "${FRONT}" front)
file(READ "${BACK}" back)
file(WRITE "${OUT}" "${front}${parameters}${back}")
